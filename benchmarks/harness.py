"""What every benchmark shares: interleaved timing, medians, and one report in text and JSON.

A benchmark times several subjects doing the same work in one process. Rounds are interleaved, so
that a change in the machine's speed touches all subjects alike, and the median of the rounds
counts. Ratios within one run are what to read; absolute figures belong to the machine.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

Loop = Callable[[int], object]
"""Runs the given number of operations in a loop of its own."""

ROUND_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Timing:
    """Nanoseconds per operation over several rounds."""

    rounds_ns: tuple[float, ...]

    @property
    def median_ns(self) -> float:
        return statistics.median(self.rounds_ns)

    @property
    def best_ns(self) -> float:
        return min(self.rounds_ns)


def time_once(loop: Loop, count: int) -> float:
    """Seconds that one round of ``count`` operations takes."""
    start = time.perf_counter()
    loop(count)
    return time.perf_counter() - start


def calibrate(loop: Loop) -> int:
    """A number of operations that takes about :data:`ROUND_SECONDS`."""
    count = 1
    while (seconds := time_once(loop, count)) < ROUND_SECONDS / 10:
        count *= 4
    return max(1, round(count * ROUND_SECONDS / seconds))


def measure(subjects: dict[str, Loop], *, rounds: int = 7) -> dict[str, Timing]:
    """Times all subjects, their rounds interleaved."""
    counts = {name: calibrate(loop) for name, loop in subjects.items()}
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, loop in subjects.items():
            seconds[name].append(time_once(loop, counts[name]))
    return {
        name: Timing(tuple(value / counts[name] * 1e9 for value in values))
        for name, values in seconds.items()
    }


def versions(*distributions: str) -> dict[str, str]:
    """The installed versions of the peers a report names."""
    return {name: metadata.version(name) for name in distributions}


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {"cpu": model, "python": platform.python_version(), "system": platform.platform()}


@dataclass(frozen=True, slots=True)
class Claim:
    """A ratio between two subjects, and the bound it is meant to hold.

    ``at_least`` and ``at_most`` are bounds on the ratio; None where there is none.
    """

    text: str
    ratio: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool:
        above = self.at_least is None or self.ratio >= self.at_least
        return above and (self.at_most is None or self.ratio <= self.at_most)


@dataclass(frozen=True, slots=True)
class Grid:
    """Figures of several subjects in several respects: a row for each subject.

    ``cells`` is by subject and then by column; a figure that was not taken is absent.
    """

    title: str
    columns: tuple[str, ...]
    cells: dict[str, dict[str, float]]


@dataclass(slots=True)
class Report:
    """The figures of one benchmark.

    ``left_out`` has the reason for each subject that was not measured.
    """

    title: str
    timings: dict[str, Timing] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    peers: dict[str, str] = field(default_factory=dict)
    unit: str = "ns/op"
    grids: list[Grid] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def render(self) -> str:
        """The figures as a table of text."""
        width = max(map(len, self.timings), default=0)
        lines = [self.title, "=" * len(self.title)]
        lines += [
            f"{name:<{width}}  {timing.median_ns:>14,.1f} {self.unit}"
            for name, timing in self.timings.items()
        ]
        for grid in self.grids:
            lines += ["", *aligned(grid)]
        if self.grids:
            lines.append("")
        lines += [
            f"{'ok  ' if claim.holds else 'MISS'}  {claim.text}: {claim.ratio:.2f}"
            for claim in self.claims
        ]
        lines += [f"left out  {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, object]:
        """The figures with machine and peers, for a file."""
        return {
            "title": self.title,
            "unit": self.unit,
            "machine": machine(),
            "peers": self.peers,
            "timings": {name: timing.median_ns for name, timing in self.timings.items()},
            "claims": [asdict(claim) | {"holds": claim.holds} for claim in self.claims],
            "grids": [asdict(grid) for grid in self.grids],
            "left_out": self.left_out,
        }


def aligned(grid: Grid) -> list[str]:
    """A grid as text, its columns under each other."""
    rows = [("", *grid.columns)]
    rows += [
        (name, *(f"{cells[each]:,.1f}" if each in cells else "-" for each in grid.columns))
        for name, cells in grid.cells.items()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])])
        for first, *rest in rows
    ]
    return [grid.title, *lines]


def argument_parser() -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


def publish(report: Report, target: Path | None) -> None:
    """Prints a report, and writes it where there is a target."""
    print(report.render())
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8")


def main(run: Callable[[int], Report]) -> None:
    """The command line of one benchmark: ``run`` takes the number of rounds."""
    arguments = argument_parser().parse_args()
    publish(run(arguments.rounds), arguments.json)
