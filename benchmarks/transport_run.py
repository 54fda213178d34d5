"""One run of the transport's benchmark: what is started, checked and loaded for each part of it."""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, repeat
from pathlib import Path

import arrivals
import builtin_scenario
import redis_peer
from arrivals import Latency
from certificate import call_over_tls, make_certificate
from echo_scenarios import SERVICE, Scenario, echo_scenarios
from idle_memory import idle_memory
from load import Load, LoadError, cipher_of, run_load
from measured_load import Subject, loaded, measure
from order_scenario import ALICE, METHOD, ORDER, REQUEST, metadata_for
from server_process import ServerProcess, StartError, cores, running
from transport_figures import (
    CONSUME,
    CPP,
    CROWD,
    ECHO,
    ECHO_WITH_TOKEN,
    GET,
    GUARDED,
    ONE_WORKER,
    REDIS,
    SINGLES,
    TWO_SERVERS,
    TWO_WORKERS,
    LatencyFigures,
    TransportFigures,
)
from transport_peers import Peer

HERE = Path(__file__).parent
CHECKED_CALLS = 1_000
CHECKED_BYTES = 64 << 20
SHAPES = {CROWD: (8, 16), SINGLES: (32, 1)}
BUILTIN = {CONSUME: builtin_scenario.CONSUME, GET: builtin_scenario.GET}
GENERATORS = 2
"""As many as there are servers at most, each with a part of the connections."""


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
                subjects |= self._echo_of_cpp(column, builtin.metadata, stack)
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
        """The processor time of a call with two workers on two cores, the load beside them.

        Beside it stand two servers that share nothing, each with half of the connections: what
        more they take than one does is what the machine asks for it. Each setting has the same two
        load generators, since one alone is slower than two workers.
        """
        if not builtin_scenario.has_workers():
            self.figures.leave_out("workers", "blrcs serve has no --workers")
            return
        settings = {ONE_WORKER: (1, 1), TWO_WORKERS: (1, 2), TWO_SERVERS: (2, 1)}
        with ExitStack() as stack:
            subjects = {
                (setting, label): subject
                for setting, (servers, workers) in settings.items()
                for label, subject in self._workers(setting, servers, workers, stack).items()
            }
            self._measure(
                "workers",
                {f"{label}, {setting}": each for (setting, label), each in subjects.items()},
            )
        for (setting, label), each in subjects.items():
            if each.cpu_ns:
                found = self.figures.workers_cpu_us.setdefault(setting, {})
                found[label] = each.cpu.median_ns / 1_000

    def _workers(
        self, setting: str, servers: int, workers: int, stack: ExitStack
    ) -> dict[str, Subject]:
        """The built-in methods on so many servers of so many workers, on no core of their own."""
        connections, streams = SHAPES[CROWD]
        generators = GENERATORS // servers
        found: dict[str, list[Subject]] = {label: [] for label in BUILTIN}
        for number in range(servers):
            folder = self.folder / f"{setting} {number}".replace(" ", "-")
            server, builtin = stack.enter_context(
                builtin_scenario.builtin_server(folder, None, ("--workers", str(workers)))
            )
            loads = builtin.loads(server.port, None, connections // GENERATORS, streams)
            for label, method in BUILTIN.items():
                load = loads[method]
                found[label].append(builtin_subject(server.pid, builtin, load, generators))
        return {label: at_once(subjects) for label, subjects in found.items()}

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

    def _echo_of_cpp(
        self, column: str, metadata: tuple[tuple[str, str], ...], stack: ExitStack
    ) -> dict[str, Subject]:
        """Without metadata, and with what each call of a built-in method carries."""
        peer = next((each for each in self.peers.values() if each.label == CPP), None)
        if peer is None:
            return {}
        server = stack.enter_context(running(peer.command, core=self.server_core))
        name = "unary" if column == CROWD else "single"
        load = self.figures.scenarios[name].load(server.port, self.load_core)
        return {
            ECHO: loaded(server.pid, load),
            ECHO_WITH_TOKEN: loaded(server.pid, replace(load, metadata=metadata)),
        }

    def _redis(self, connections: int, stack: ExitStack) -> dict[str, Subject]:
        if reason := redis_peer.failure():
            self.figures.leave_out(REDIS, reason)
            return {}
        server = stack.enter_context(
            redis_peer.redis_server(self.server_core, builtin_scenario.VALUE)
        )
        get = partial(redis_peer.get_seconds, server.port, connections, self.load_core)
        return {REDIS: Subject((server.pid,), connections, get)}

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


def builtin_subject(
    pid: int, builtin: builtin_scenario.Builtin, load: Load, generators: int = 1
) -> Subject:
    """A built-in method under a load, made by so many generators at once.

    For Consume, the limit's own count tells of every call.
    """
    others = [replace(loaded(pid, load), pids=()) for _ in range(generators - 1)]
    whole = at_once([loaded(pid, load), *others])

    def consume(calls: int, folder: Path) -> float:
        before = builtin.consumed()
        seconds = whole.run(calls, folder)
        if builtin.consumed() - before != calls // generators * generators:
            raise LoadError(f"not all of {calls} calls were counted by the limit")
        return seconds

    return replace(whole, run=consume) if load.method == builtin_scenario.CONSUME else whole


def at_once(subjects: Sequence[Subject]) -> Subject:
    """One subject of several, each of which takes as much of the load, all at the same time."""
    if len(subjects) == 1:
        return subjects[0]

    def run(calls: int, folder: Path) -> float:
        with ThreadPoolExecutor(len(subjects)) as threads:
            return max(threads.map(share_of, subjects, count(), repeat((calls, folder))))

    def share_of(subject: Subject, number: int, whole: tuple[int, Path]) -> float:
        calls, folder = whole
        own = folder / f"share-{number}"
        own.mkdir(exist_ok=True)
        return subject.run(calls // len(subjects), own)

    pids = tuple(pid for each in subjects for pid in each.pids)
    return Subject(pids, sum(each.at_once for each in subjects), run)
