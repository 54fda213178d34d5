"""Servers under load: interleaved rounds, with the time and the processor time of a call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness import Timing
from load import Load, LoadError, run_load
from server_process import cpu_seconds

ROUND_SECONDS = 2.0
WARM_UP_SECONDS = 0.2
GROWTH = 4


@dataclass(slots=True)
class Subject:
    """A running server, the load on it, and what was measured of it.

    ``pids`` are the server's processes, none where nobody asks for processor time. ``run`` makes a
    number of calls, of which ``at_once`` are open at a time, with files in a folder, and returns
    the seconds that they took.
    """

    pids: tuple[int, ...]
    at_once: int
    run: Callable[[int, Path], float]
    calls: int = 0
    cpu_ns: list[float] = field(default_factory=list)
    wall_ns: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> Timing:
        """The server's processor time for a call."""
        return Timing(tuple(self.cpu_ns))

    @property
    def wall(self) -> Timing:
        """The time between two replies."""
        return Timing(tuple(self.wall_ns))

    def warm_up(self, folder: Path, round_seconds: float) -> None:
        """Finds the number of calls that makes a round of about ``round_seconds``."""
        calls = self.at_once
        self.run(calls, folder)  # what is opened or made at first is no part of a call
        while (seconds := self.run(calls, folder)) < min(WARM_UP_SECONDS, round_seconds):
            calls *= GROWTH
        self.calls = max(self.at_once, round(calls / seconds * round_seconds))

    def run_round(self, folder: Path) -> None:
        before = self._cpu_seconds()
        seconds = self.run(self.calls, folder)
        if self.pids:
            self.cpu_ns.append((self._cpu_seconds() - before) / self.calls * 1e9)
        self.wall_ns.append(seconds / self.calls * 1e9)

    def _cpu_seconds(self) -> float:
        return sum(map(cpu_seconds, self.pids))


def loaded(pid: int, load: Load) -> Subject:
    """The server with this process id under this load."""
    return Subject((pid,), load.connections * load.streams, partial(run_load, load))


def measure(
    subjects: Mapping[str, Subject],
    rounds: int,
    folder: Path,
    *,
    round_seconds: float = ROUND_SECONDS,
    on_failure: Callable[[str, LoadError], None] | None = None,
) -> None:
    """Warms all subjects up, and then times them in interleaved rounds.

    Args:
        subjects: By name; their figures are added to them.
        rounds: How many.
        folder: For files of the load generator.
        round_seconds: About how long one subject's round takes.
        on_failure: Told of a subject that fails, which is then left out of further rounds. Without
            it the failure is raised.
    """
    steps: list[Callable[[Subject], None]] = [lambda each: each.warm_up(folder, round_seconds)]
    steps += [lambda each: each.run_round(folder)] * rounds
    remaining = dict(subjects)
    for step in steps:
        for name, subject in list(remaining.items()):
            try:
                step(subject)
            except LoadError as error:
                if on_failure is None:
                    raise
                on_failure(name, error)
                del remaining[name]
