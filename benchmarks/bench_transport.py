"""The native transport beside the servers that others use, over real sockets.

Each server is a process on one core, the load comes from another: by h2load, and for latencies by
``arrivals.c``. Before and after a server is loaded, calls are made as often at once as under load,
and each answer's status and messages are checked; under load, the size of all answers tells of one
that is missing. What the machine cannot build is left out, with the reason.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import arrivals
import builtin_scenario
import redis_peer
import transport_peers
from arrivals import Latency
from certificate import call_over_tls, make_certificate
from echo_scenarios import SERVICE, Scenario, echo_scenarios
from harness import Report, argument_parser, publish
from idle_memory import idle_memory
from load import Load, LoadError, cipher_of, generator, run_load
from measured_load import Subject, loaded, measure
from order_scenario import ALICE, METHOD, ORDER, REQUEST, metadata_for
from server_process import ServerProcess, StartError, cores, running
from transport_figures import (
    CONSUME,
    CPP,
    CROWD,
    ECHO,
    GET,
    GUARDED,
    REDIS,
    SINGLES,
    WORKER_COUNTS,
    LatencyFigures,
    TransportFigures,
)
from transport_peers import Peer

HERE = Path(__file__).parent
CHECKED_CALLS = 1_000
CHECKED_BYTES = 64 << 20
QUIET_LOAD = 0.5
SHAPES = {CROWD: (8, 16), SINGLES: (32, 1)}
BUILTIN = {CONSUME: builtin_scenario.CONSUME, GET: builtin_scenario.GET}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    round_seconds: float
    latency_seconds: float
    idle_connections: int


class Run:
    """One run: the servers that there are, and what has been measured."""

    def __init__(self, peers: Mapping[str, Peer], effort: Effort, folder: Path) -> None:
        self.peers = peers
        self.effort = effort
        self.folder = folder
        self.server_core, self.load_core = cores()
        self.certificate = make_certificate(folder)
        self.figures = TransportFigures(echo_scenarios())

    def echo(self, name: str) -> None:
        """All servers in one scenario, their rounds interleaved."""
        scenario = self.figures.scenarios[name]
        with ExitStack() as stack:
            loads = {}
            subjects = {}
            for label, server, load in self._started(scenario, stack):
                if self._answers(label, scenario, load):
                    loads[label] = load
                    subjects[label] = loaded(server.pid, load)
            if name == "unary":
                subjects[GUARDED] = self._guarded(stack)
            self._measure(scenario.title, subjects)
            for label, load in loads.items():
                if not self._answers(label, scenario, load):
                    del subjects[label]
        self.figures.add(name, subjects)

    def builtin(self) -> None:
        """Built-in methods of ``blrcs serve``, beside redis-server and an echo in C++."""
        one_worker = ("--workers", "1") if builtin_scenario.has_workers() else ()
        for column, (connections, streams) in SHAPES.items():
            with ExitStack() as stack:
                folder = self.folder / f"builtin-{connections}"
                server, builtin = stack.enter_context(
                    builtin_scenario.builtin_server(folder, self.server_core, one_worker)
                )
                loads = builtin.loads(server.port, self.load_core, connections, streams)
                subjects = {
                    label: builtin_subject(server.pid, builtin, loads[method])
                    for label, method in BUILTIN.items()
                }
                subjects |= self._echo_of_cpp(column, stack)
                if streams == 1:
                    subjects |= self._redis(connections, stack)
                self._measure(f"built-in methods, {column}", subjects)
            self.figures.add_builtin(column, subjects)

    def latency(self) -> None:
        """Percentiles at half of what each server serves, and at a rate that all can serve."""
        scenario = self.figures.scenarios["unary"]
        with ExitStack() as stack:
            loads, most = {}, {}
            for label, server, load in self._started(scenario, stack):
                subject = loaded(server.pid, load)
                self._measure("latency", {label: subject})
                if subject.wall_ns:
                    loads[label], most[label] = load, 1e9 / subject.wall.median_ns
            self.figures.common_calls_per_s = min(most.values(), default=0) / 2
            rates = {
                label: (each / 2, self.figures.common_calls_per_s) for label, each in most.items()
            }
            found = self._percentiles(loads, rates)
        self.figures.latency = {
            label: LatencyFigures(rates[label][0], *(middle_of(each) for each in both))
            for label, both in found.items()
        }

    def memory(self) -> None:
        """What idle connections and streams cost."""
        scenario = self.figures.scenarios["unary"]
        with ExitStack() as stack:
            for label, server, load in self._started(scenario, stack):
                try:
                    run_load(load, CHECKED_CALLS, self.folder)
                    self.figures.memory[label] = idle_memory(
                        server.pid, load, f"{SERVICE}/Converse", self.effort.idle_connections
                    )
                except (OSError, LoadError) as error:
                    self.figures.leave_out(f"{label}, memory", error)

    def workers(self) -> None:
        """The processor time of a call with two workers on two cores, the generator beside them."""
        if not builtin_scenario.has_workers():
            self.figures.leave_out("workers", "blrcs serve has no --workers")
            return
        connections, streams = SHAPES[CROWD]
        for count in WORKER_COUNTS:
            folder = self.folder / f"workers-{count}"
            with builtin_scenario.builtin_server(folder, None, ("--workers", str(count))) as (
                server,
                builtin,
            ):
                loads = builtin.loads(server.port, None, connections, streams)
                subjects = {
                    label: builtin_subject(server.pid, builtin, loads[method])
                    for label, method in BUILTIN.items()
                }
                self._measure(f"workers: {count}", subjects)
            self.figures.workers_cpu_us[count] = {
                label: each.cpu.median_ns / 1_000 for label, each in subjects.items() if each.cpu_ns
            }

    def _started(
        self, scenario: Scenario, stack: ExitStack
    ) -> Iterator[tuple[str, ServerProcess, Load]]:
        """Every server that starts, until the stack is closed."""
        files = self.certificate.options if scenario.tls else ()
        for peer in self.peers.values():
            command = (*peer.command, *files)
            try:
                server = stack.enter_context(
                    running(command, core=self.server_core, environ=peer.environ)
                )
            except StartError as error:
                self.figures.leave_out(f"{peer.label}, {scenario.title}", error)
            else:
                yield peer.label, server, scenario.load(server.port, self.load_core)

    def _answers(self, label: str, scenario: Scenario, load: Load) -> bool:
        """Whether each of many calls is answered as it must be."""
        try:
            if scenario.tls:
                call_over_tls(load, self.certificate)
                self.figures.ciphers[label] = cipher_of(load, self.folder)
            else:
                at_once = load.connections * load.streams
                calls = max(at_once, min(CHECKED_CALLS, CHECKED_BYTES // scenario.call_bytes))
                arrivals.check(load, calls, self.folder)
        except LoadError as error:
            self.figures.leave_out(f"{label}, {scenario.title}", error)
            return False
        return True

    def _guarded(self, stack: ExitStack) -> Subject:
        program = HERE / "guarded_server.py"
        server = stack.enter_context(
            running([sys.executable, program, "blrcs"], core=self.server_core)
        )
        load = Load(
            port=server.port,
            method=METHOD,
            metadata=tuple(metadata_for(ALICE)),
            request=REQUEST.SerializeToString(),
            reply=ORDER.SerializeToString(),
            core=self.load_core,
        )
        arrivals.check(load, CHECKED_CALLS, self.folder)
        return loaded(server.pid, load)

    def _echo_of_cpp(self, column: str, stack: ExitStack) -> dict[str, Subject]:
        peer = next((each for each in self.peers.values() if each.label == CPP), None)
        if peer is None:
            return {}
        server = stack.enter_context(running(peer.command, core=self.server_core))
        name = "unary" if column == CROWD else "single"
        load = self.figures.scenarios[name].load(server.port, self.load_core)
        return {ECHO: loaded(server.pid, load)}

    def _redis(self, connections: int, stack: ExitStack) -> dict[str, Subject]:
        if reason := redis_peer.failure():
            self.figures.leave_out(REDIS, reason)
            return {}
        server = stack.enter_context(
            redis_peer.redis_server(self.server_core, builtin_scenario.VALUE)
        )
        get = partial(redis_peer.get_seconds, server.port, connections, self.load_core)
        return {REDIS: Subject(server.pid, connections, get)}

    def _percentiles(
        self, loads: Mapping[str, Load], rates: Mapping[str, tuple[float, float]]
    ) -> dict[str, tuple[list[Latency], list[Latency]]]:
        """By label and rate, what each round found; the rounds are interleaved."""
        found: dict[str, tuple[list[Latency], list[Latency]]] = {label: ([], []) for label in loads}
        for _ in range(self.effort.rounds):
            for label in list(found):
                try:
                    for rate, rounds in zip(rates[label], found[label], strict=True):
                        seconds = self.effort.latency_seconds
                        rounds.append(arrivals.latency(loads[label], rate, seconds, self.folder))
                except LoadError as error:
                    self.figures.leave_out(f"{label}, latency", error)
                    del found[label]
        return found

    def _measure(self, title: str, subjects: Mapping[str, Subject]) -> None:
        measure(
            subjects,
            self.effort.rounds,
            self.folder,
            round_seconds=self.effort.round_seconds,
            on_failure=lambda label, error: self.figures.leave_out(f"{label}, {title}", error),
        )


def middle_of(rounds: Sequence[Latency]) -> Latency:
    """The median of each percentile."""
    names = ("p50_ns", "p99_ns", "p999_ns")
    return Latency(*(statistics.median(getattr(each, name) for each in rounds) for name in names))


def builtin_subject(pid: int, builtin: builtin_scenario.Builtin, load: Load) -> Subject:
    """A built-in method under load; for Consume, the limit's own count tells of every call."""

    def consume(calls: int, folder: Path) -> float:
        before = builtin.consumed()
        seconds = run_load(load, calls, folder)
        if builtin.consumed() - before != calls:
            raise LoadError(f"not all of {calls} calls were counted by the limit")
        return seconds

    if load.method != builtin_scenario.CONSUME:
        return loaded(pid, load)
    return Subject(pid, load.connections * load.streams, consume)


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
