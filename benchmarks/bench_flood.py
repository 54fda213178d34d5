"""What honest callers notice of an attack: their latency, while another client abuses the server.

The server has a core of its own. The attacker (``flood.c``) has the other, and shares it with the
honest client (``arrivals.c``), which the scheduler prefers, so that it is never the client that is
late. Unloaded means that the attacker sends the same kind of bytes as fast to a socket of its own:
then the core of the clients is as busy, and that of the server idle.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import arrivals
import flood
import floods
import transport_peers
from arrivals import Latency
from echo_scenarios import echo_scenarios
from flood import Rate, flooding
from floods import Flood
from frames import MAX_FRAME_BYTES
from harness import Claim, Grid, Report, argument_parser, publish
from load import Load, LoadError
from order_scenario import ALICE, METHOD, ORDER, REQUEST, metadata_for
from server_process import StartError, cores, forget_peak, peak_bytes, running

HERE = Path(__file__).parent
CALLS_PER_S = 500
CONNECTIONS = 4
WARM_UP_CALLS = 2_000
HEAD_START_S = 0.3
MOST_TIMES = 3
MOST_MIB = 16
MIB = 1 << 20
LITTLE_MIB = 1
MORE = 8
UNLOADED_EVERY = 4
COLUMNS = ("p50, us", "p99, us", "connections/s", "MiB/s", "MiB a connection", "MiB in all")
UNLOADED = "unloaded"
# The honest client goes before the attacker as soon as it has something to do.
FIRST = ("chrt", "--fifo", "1")
IDLE = Flood(floods.GREETING, bytes(MAX_FRAME_BYTES))


@dataclass(slots=True)
class Outcome:
    """What the rounds of one flood found."""

    latencies: list[Latency] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    grown_mib: list[float] = field(default_factory=list)

    @property
    def p99_us(self) -> float:
        return statistics.median(each.p99_ns for each in self.latencies) / 1_000


@dataclass(slots=True)
class Target:
    """A kind of server, what its honest callers send to a port, and the floods it is to stand."""

    command: Sequence[str | Path]
    environ: Mapping[str, str]
    honest: Load
    floods: Mapping[str, Flood]
    outcomes: dict[str, Outcome] = field(default_factory=dict)


def preference() -> tuple[str, ...]:
    """How the honest client is started, where this user may."""
    allowed = subprocess.run([*FIRST, "true"], capture_output=True, check=False).returncode == 0
    return FIRST if allowed else ()


class Run:
    def __init__(self, seconds: float, folder: Path) -> None:
        self.seconds = seconds
        self.folder = folder
        self.server_core, self.load_core = cores()
        self.prefix = preference()

    def echo(self) -> Target:
        """The echo in Python on the native transport."""
        peer = transport_peers.PEERS_BY_NAME["blrcs"]
        load = echo_scenarios()["unary"].load(0, self.load_core)
        honest = replace(load, connections=CONNECTIONS)
        return Target((*peer.command, "--settled"), peer.environ, honest, floods.FLOODS)

    def guarded(self) -> Target:
        """The guarded call, flooded by callers whose tokens are no good."""
        message = REQUEST.SerializeToString()
        load = Load(
            port=0,
            method=METHOD,
            metadata=tuple(metadata_for(ALICE)),
            request=message,
            reply=ORDER.SerializeToString(),
            core=self.load_core,
            connections=CONNECTIONS,
        )
        garbage = [("authorization", "Bearer nonsense")]
        return Target(
            [sys.executable, HERE / "guarded_server.py", "blrcs"],
            {},
            load,
            {
                "calls without a token": floods.refused_calls(METHOD, [], message),
                "calls with a bad token": floods.refused_calls(METHOD, garbage, message),
                "calls with a forged token": floods.refused_calls(METHOD, forged(), message),
            },
        )

    def round(self, target: Target, name: str, attack: Flood) -> None:
        """Honest calls while the attack goes on, to a server that knows neither yet.

        What an earlier attack has left to the server's allocator would hide what this one costs.
        """
        with running(target.command, core=self.server_core, environ=target.environ) as server:
            honest = replace(target.honest, port=server.port)
            arrivals.check(honest, WARM_UP_CALLS, self.folder)
            port = 0 if name == UNLOADED else server.port
            seconds = self.seconds + 2 * HEAD_START_S
            before = forget_peak(server.pid)
            with flooding(attack, port, seconds, self.load_core, self.folder) as rate:
                time.sleep(HEAD_START_S)
                found = arrivals.latency(
                    honest,
                    CALLS_PER_S,
                    self.seconds,
                    self.folder,
                    prefix=self.prefix,
                    asleep=True,
                )
            grown = peak_bytes(server.pid) - before
        outcome = target.outcomes.setdefault(name, Outcome())
        outcome.latencies.append(found)
        outcome.rates.append(rate)
        outcome.grown_mib.append(grown / MIB)
        each_mib = grown / MIB / attack.connections
        if attack.connections == 1 and each_mib > LITTLE_MIB:
            each_mib = (self.grown_mib(target, attack) - grown / MIB) / MORE
        outcome.memory_mib.append(each_mib)

    def grown_mib(self, target: Target, attack: Flood) -> float:
        """What a server grows by that has MORE connections beside the first of an attack.

        What one costs is what they add: the process keeps some of what was used and freed, once
        for all of them.
        """
        more = replace(attack, connections=1 + MORE)
        with running(target.command, core=self.server_core, environ=target.environ) as server:
            arrivals.check(replace(target.honest, port=server.port), WARM_UP_CALLS, self.folder)
            before = forget_peak(server.pid)
            with flooding(more, server.port, self.seconds, self.load_core, self.folder):
                time.sleep(self.seconds)
            return (peak_bytes(server.pid) - before) / MIB


def forged() -> list[tuple[str, str]]:
    """A token that is right in all but its signature."""
    (name, value), *_ = metadata_for(ALICE)
    signed, _, signature = value.rpartition(".")
    return [(name, f"{signed}.{signature[::-1]}")]


def claims(target: Target) -> list[Claim]:
    unloaded = target.outcomes[UNLOADED].p99_us
    made = []
    for name in target.floods:
        if outcome := target.outcomes.get(name):
            made.append(
                Claim(f"{name}: p99 / unloaded", outcome.p99_us / unloaded, at_most=MOST_TIMES)
            )
            made.append(
                Claim(f"{name}: MiB a connection", max(outcome.memory_mib), at_most=MOST_MIB)
            )
    return made


def row(outcome: Outcome) -> dict[str, float]:
    rates = outcome.rates
    return {
        "p50, us": statistics.median(each.p50_ns for each in outcome.latencies) / 1_000,
        "p99, us": outcome.p99_us,
        "connections/s": statistics.median(each.opened / each.seconds for each in rates),
        "MiB/s": statistics.median(each.sent_bytes / each.seconds for each in rates) / MIB,
        "MiB a connection": max(outcome.memory_mib),
        "MiB in all": max(outcome.grown_mib),
    }


def run(rounds: int, seconds: float, only: Sequence[str]) -> Report:
    for source, program in ((arrivals.SOURCE, arrivals.PROGRAM), (flood.SOURCE, flood.PROGRAM)):
        if reason := arrivals.failure_of_build(source, program):
            raise SystemExit(f"{source.name} {reason}")
    peers, _ = transport_peers.build(("blrcs",))
    report = Report("honest callers under a flood")
    with tempfile.TemporaryDirectory() as folder:
        made = Run(seconds, Path(folder))
        if not made.prefix:
            report.left_out["the honest client's priority"] = "this user may not give it"
        for title, target in (("echo", made.echo()), ("guarded call", made.guarded())):
            chosen = {
                name: each for name, each in target.floods.items() if not only or name in only
            }
            if not chosen:
                continue
            measure(made, target, chosen, rounds, report)
            cells = {name: row(each) for name, each in target.outcomes.items()}
            report.grids.append(Grid(f"{title}, under a flood", COLUMNS, cells))
            report.claims += claims(target)
    report.peers = {peers["blrcs"].label: peers["blrcs"].version}
    return report


def with_unloaded(chosen: Mapping[str, Flood]) -> Iterator[tuple[str, Flood]]:
    """The floods, with rounds without one between them: the machine is not always as quiet."""
    for index, (name, attack) in enumerate(chosen.items()):
        if index % UNLOADED_EVERY == 0:
            yield UNLOADED, IDLE
        yield name, attack


def measure(
    made: Run, target: Target, chosen: Mapping[str, Flood], rounds: int, report: Report
) -> None:
    for _ in range(rounds):
        for name, attack in with_unloaded(chosen):
            print(f"measuring {name}", file=sys.stderr, flush=True)
            try:
                made.round(target, name, attack)
            except (LoadError, StartError) as error:
                report.left_out[name] = str(error).splitlines()[-1]


def main() -> None:
    parser = argument_parser()
    parser.set_defaults(rounds=3)
    parser.add_argument("--only", action="append", default=[], help="this flood; may be repeated")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a round is")
    arguments = parser.parse_args()
    publish(run(arguments.rounds, arguments.seconds, arguments.only), arguments.json)


if __name__ == "__main__":
    main()
