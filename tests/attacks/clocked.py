"""``blrcs serve`` by a clock that a test sets: what limits and cache entries go by."""

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.attacks.world import World, world

CLOCK = "ATTACKED_CLOCK"
LIMITER_CELLS = 1024
PROGRAM = ("-m", "tests.attacks.clocked")


class SetClock:
    """Nanoseconds in a file, which two processes have mapped."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(mmap.PAGESIZE)
            self._place = memoryview(mmap.mmap(file.fileno(), mmap.PAGESIZE)).cast("q")

    def __call__(self) -> int:
        return int(self._place[0])

    def set(self, now_ns: int) -> None:
        self._place[0] = now_ns

    def advance(self, by_ns: int) -> None:
        self._place[0] += by_ns


class Clocked:
    """A server of one process, and its clock."""

    def __init__(self, attacked: World, clock: SetClock) -> None:
        self.world = attacked
        self.clock = clock


@contextmanager
def clocked_world(directory: Path, transport: str) -> Iterator[Clocked]:
    """Starts one, whose table of limits is small."""
    path = directory / "clock"
    clock = SetClock(path)
    environ = {CLOCK: str(path), "BLRCS_GUARDS__LIMITER_CELLS": str(LIMITER_CELLS)}
    with world(directory, transport, program=PROGRAM, **environ) as started:
        yield Clocked(started, clock)


def go_by(clock: Callable[[], int]) -> None:
    """Has this process's LimitService and CacheService ask the clock."""
    from blrcs.assembly import cache
    from blrcs.cache.memory import MemoryCache
    from blrcs.config.cache import Cache
    from blrcs.workers.memory import SERVICE, OwnMemory
    from blrcs_native.limits.limiter import Limiter

    class ClockedMemory(OwnMemory):
        def limiter(self, name: str, capacity_cells: int) -> Limiter:
            own = clock if name == SERVICE else None
            return Limiter(capacity_cells, clock=own)

    class ClockedCache(MemoryCache):
        def __init__(self, settings: Cache) -> None:
            super().__init__(settings, clock=clock, monotonic=clock)

    cache.MemoryCache = ClockedCache
    OwnMemory.limiter = ClockedMemory.limiter


if __name__ == "__main__":
    from blrcs.cli import main

    go_by(SetClock(Path(os.environ[CLOCK])))
    main()
