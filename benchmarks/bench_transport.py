"""The native transport beside the servers that others use, over real sockets.

Each server is a process on one core, the load comes from another: by h2load, and for latencies by
``arrivals.c``. Before and after a server is loaded, calls are made as often at once as under load,
and each answer's status and messages are checked; under load, the size of all answers tells of one
that is missing. What the machine cannot build is left out, with the reason.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import arrivals
import redis_peer
import transport_peers
from harness import Report, argument_parser, publish
from load import LoadError, generator
from server_process import StartError
from transport_peers import Peer
from transport_run import Effort, Run

QUIET_LOAD = 0.5


def parts(run: Run) -> dict[str, Callable[[], None]]:
    """All that there is to measure, by name."""
    named = {name: partial(run.echo, name) for name in run.figures.scenarios}
    return {
        **named,
        "builtin": run.builtin,
        "latency": run.latency,
        "memory": run.memory,
        "workers": run.workers,
    }


def versions_of(peers: Mapping[str, Peer]) -> dict[str, str]:
    """What the servers are made with, and what makes the load."""
    said = subprocess.run(["h2load", "--version"], capture_output=True, text=True, check=True)
    named = [f"h2load {said.stdout.rpartition('/')[2].strip()}"]
    named += [each for peer in peers.values() for each in peer.version.split(", ")]
    if redis_peer.failure() is None:
        named.append(redis_peer.version())
    pairs = [each.rpartition(" ") for each in dict.fromkeys(named)]
    return {name: version for name, _, version in pairs}


def run(effort: Effort, only: Sequence[str], chosen: Sequence[str]) -> Report:
    if generator() != "h2load":
        raise SystemExit("h2load is needed (Debian and Ubuntu: nghttp2-client)")
    if (load := os.getloadavg()[0]) > QUIET_LOAD:
        print(f"the machine is busy (load {load:.1f}): quote no figure of this", file=sys.stderr)
    print("building the servers", file=sys.stderr)
    if reason := arrivals.failure_of_build():
        raise SystemExit(f"arrivals.c {reason}")
    peers, left_out = transport_peers.build(chosen)
    with tempfile.TemporaryDirectory() as folder:
        made = Run(peers, effort, Path(folder))
        made.figures.left_out |= left_out
        named = parts(made)
        if unknown := set(only) - named.keys():
            raise SystemExit(f"there is no {', '.join(unknown)}; there are {', '.join(named)}")
        for name, part in named.items():
            if not only or name in only:
                print(f"measuring {name}", file=sys.stderr, flush=True)
                try:
                    part()
                except (LoadError, StartError) as error:
                    made.figures.leave_out(name, error)
    figures = made.figures
    ciphers = sorted(set(figures.ciphers.values()))
    return Report(
        f"the transport, load by {generator()}",
        peers=versions_of(peers) | ({"cipher": ", ".join(ciphers)} if ciphers else {}),
        grids=figures.grids(),
        claims=list(figures.claims()),
        left_out=figures.left_out,
    )


def main() -> None:
    parser = argument_parser()
    parser.set_defaults(rounds=5)
    parser.add_argument("--only", action="append", default=[], help="this part; may be repeated")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        choices=transport_peers.PEERS_BY_NAME,
        help="this server; may be repeated",
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, to try it out")
    arguments = parser.parse_args()
    effort = Effort(
        arguments.rounds,
        0.2 if arguments.quick else 1.0,
        0.5 if arguments.quick else 3.0,
        200 if arguments.quick else 1_000,
    )
    publish(run(effort, arguments.only, arguments.peer), arguments.json)


if __name__ == "__main__":
    main()
