"""What the transport's benchmark has measured so far, and the tables and ratios made of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from arrivals import Latency
from echo_scenarios import Scenario
from harness import Claim, Grid
from idle_memory import IdleMemory
from measured_load import Subject

OURS = "BLRCS"
GUARDED = "BLRCS, guarded"
GRPC_AIO = "grpc.aio"
CPP = "gRPC C++"
GO = "grpc-go"
TONIC = "tonic"
REDIS = "redis-server GET"
CONSUME = "LimitService.Consume"
GET = "CacheService.Get"
CROWD = "8 x 16"
SINGLES = "32 x 1"
ECHO = "echo of gRPC C++"
ECHO_WITH_TOKEN = "echo of gRPC C++, with the same token"
ONE_WORKER = "one worker"
TWO_WORKERS = "two workers"
TWO_SERVERS = "two servers of one worker"
PER_ECHO_OF_CPP = round(200_000 / 48_000, 2)
WITHIN_OF_TONIC = round(1 / 1.2, 2)

BOUNDS: dict[str, dict[str, float | None]] = {
    "unary": {GRPC_AIO: 40, GO: 2, CPP: 2, TONIC: None},
    "later": {GRPC_AIO: 25},
    "expand": {GRPC_AIO: 20},
    "collect": {GRPC_AIO: 20},
    "converse": {GRPC_AIO: 20},
    "large": {GRPC_AIO: 1},
    "large-stream": {GRPC_AIO: 1},
    "tls": {GRPC_AIO: 15, CPP: 1},
    "tls-single": {GRPC_AIO: 10, CPP: 1},
}
"""How many times the peer's rate ours is to be at least, by scenario and peer."""


@dataclass(frozen=True, slots=True)
class LatencyFigures:
    """Of one server: at half of the most that it serves, and at a rate that all can serve."""

    half_calls_per_s: float
    at_half: Latency
    at_common: Latency


@dataclass(slots=True)
class TransportFigures:
    """Rates in a scenario's own unit and processor time in ns for one of it, by scenario and label.

    ``left_out`` says what was not measured, and why.
    """

    scenarios: dict[str, Scenario]
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu_ns: dict[str, dict[str, float]] = field(default_factory=dict)
    builtin: dict[str, dict[str, float]] = field(default_factory=dict)
    builtin_cpu_us: dict[str, dict[str, float]] = field(default_factory=dict)
    latency: dict[str, LatencyFigures] = field(default_factory=dict)
    common_calls_per_s: float = 0
    memory: dict[str, IdleMemory] = field(default_factory=dict)
    workers_cpu_us: dict[str, dict[str, float]] = field(default_factory=dict)
    ciphers: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def leave_out(self, what: str, why: object) -> None:
        """Notes that something is not measured; the last line of the first ``why`` is kept."""
        # Whatever fails after it may be no more than what comes of it.
        self.left_out.setdefault(what, str(why).strip().splitlines()[-1])

    def add(self, name: str, subjects: dict[str, Subject]) -> None:
        """Takes over what was measured of a scenario; subjects without a round are passed over."""
        per_call = self.scenarios[name].per_call
        measured = {label: each for label, each in subjects.items() if each.wall_ns}
        self.rates[name] = {
            label: per_call / each.wall.median_ns * 1e9 for label, each in measured.items()
        }
        self.cpu_ns[name] = {
            label: each.cpu.median_ns / per_call for label, each in measured.items()
        }

    def add_builtin(self, column: str, subjects: dict[str, Subject]) -> None:
        """Takes over what was measured of the built-in methods and those beside them."""
        for label, each in subjects.items():
            if each.wall_ns:
                self.builtin.setdefault(label, {})[column] = 1e9 / each.wall.median_ns
                self.builtin_cpu_us.setdefault(label, {})[column] = each.cpu.median_ns / 1_000

    def grids(self) -> list[Grid]:
        """The tables; those without a figure are absent."""
        made = [*self._echo_grids(), *self._builtin_grids(), *self._latency_grids()]
        made.append(
            Grid(
                "Memory of what is idle, KiB",
                ("connection", "stream"),
                {
                    label: {"connection": each.connection_kib, "stream": each.stream_kib}
                    for label, each in self.memory.items()
                },
            )
        )
        made.append(
            Grid(
                "Processor time of a call on all workers, us",
                (CONSUME, GET),
                self.workers_cpu_us,
            )
        )
        return [grid for grid in made if grid.cells]

    def _echo_grids(self) -> Iterator[Grid]:
        for unit in ("calls/s", "messages/s", "MiB/s"):
            chosen = {
                name: each.title
                for name, each in self.scenarios.items()
                if each.unit == unit and name in self.rates
            }
            titles = tuple(chosen.values())
            one = unit.removesuffix("/s")
            yield Grid(unit, titles, by_label(self.rates, chosen, 1))
            yield Grid(
                f"Server's processor time, us/{one.removesuffix('s') if one != 'MiB' else one}",
                titles,
                by_label(self.cpu_ns, chosen, 1_000),
            )

    def _builtin_grids(self) -> Iterator[Grid]:
        columns = (CROWD, SINGLES)
        yield Grid("Built-in methods of blrcs serve, calls/s", columns, self.builtin)
        yield Grid(
            "Built-in methods of blrcs serve, server's processor time, us/call",
            columns,
            self.builtin_cpu_us,
        )

    def _latency_grids(self) -> Iterator[Grid]:
        columns = ("p50", "p99", "p99.9")
        yield Grid(
            "Latency at half of what each serves, us",
            ("calls/s", *columns),
            {
                label: {"calls/s": each.half_calls_per_s} | in_us(each.at_half)
                for label, each in self.latency.items()
            },
        )
        yield Grid(
            f"Latency at {self.common_calls_per_s:,.0f} calls/s, us",
            columns,
            {label: in_us(each.at_common) for label, each in self.latency.items()},
        )

    def claims(self) -> Iterator[Claim]:
        """The ratios, those first that have a bound."""
        for name, bounds in BOUNDS.items():
            for peer, bound in bounds.items():
                yield from self._ratio(name, OURS, peer, bound)
        for peer in (CPP, GO):
            yield from self._ratio("unary", GUARDED, peer, 1)
        for peer in self.rates.get("single", {}):
            if not peer.startswith(OURS):
                yield from self._ratio(
                    "single", OURS, peer, WITHIN_OF_TONIC if peer == TONIC else 1
                )
        yield from self._builtin_claims()
        if OURS in self.memory:
            ours = self.memory[OURS]
            yield Claim("an idle connection, KiB", ours.connection_kib, at_most=20)
            yield Claim("an idle stream, KiB", ours.stream_kib, at_most=4)
        two = self.workers_cpu_us.get(TWO_WORKERS, {})
        for other, bound in ((ONE_WORKER, 1.1), (TWO_SERVERS, None)):
            for method, us in self.workers_cpu_us.get(other, {}).items():
                if method in two:
                    text = f"{method}: processor time of a call, {TWO_WORKERS} / {other}"
                    yield Claim(text, two[method] / us, at_most=bound)

    def _ratio(self, name: str, ours: str, peer: str, bound: float | None) -> Iterator[Claim]:
        rates = self.rates.get(name, {})
        if ours in rates and peer in rates:
            text = f"{self.scenarios[name].title}: {ours} / {peer}"
            yield Claim(text, rates[ours] / rates[peer], at_least=bound)

    def _builtin_claims(self) -> Iterator[Claim]:
        echo = self.builtin.get(ECHO, {}).get(CROWD)
        alike = self.builtin.get(ECHO_WITH_TOKEN, {}).get(CROWD)
        redis = self.builtin.get(REDIS, {}).get(SINGLES)
        for method in (CONSUME, GET):
            rates = self.builtin.get(method, {})
            if echo and CROWD in rates:
                text = f"{CROWD}: {method} / {ECHO}"
                yield Claim(text, rates[CROWD] / echo, at_least=PER_ECHO_OF_CPP)
            if alike and CROWD in rates:
                yield Claim(f"{CROWD}: {method} / {ECHO_WITH_TOKEN}", rates[CROWD] / alike)
            if redis and SINGLES in rates:
                yield Claim(f"{SINGLES}: {method} / {REDIS}", rates[SINGLES] / redis, at_least=0.6)


def by_label(
    figures: dict[str, dict[str, float]], titles: dict[str, str], divisor: float
) -> dict[str, dict[str, float]]:
    """From scenario and label to label and title."""
    cells: dict[str, dict[str, float]] = {}
    for name, title in titles.items():
        for label, value in figures[name].items():
            cells.setdefault(label, {})[title] = value / divisor
    return cells


def in_us(latency: Latency) -> dict[str, float]:
    return {
        "p50": latency.p50_ns / 1_000,
        "p99": latency.p99_ns / 1_000,
        "p99.9": latency.p999_ns / 1_000,
    }
