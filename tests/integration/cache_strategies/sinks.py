"""Where a write-behind's writes go, for tests."""

import asyncio
from collections.abc import Callable, Sequence

from blrcs.cache.strategies import Applied, LoggedWrite, WriteRefusedError


class MemorySink:
    """Has transactions: takes down what is applied with the writes, and leaves out what was.

    Attributes:
        done: Keys and values, in the order in which they were carried out.
        batches: How many writes came at once.
        refuses: Says of a write whether it is refused.
        refusals: How often it did.
        has_forgotten: Whether it was told that less is dealt with than before.
        breaks: Says of a write whether it raises another error.
        error: Raised by each attempt while it is set.
        lost_answers: So many attempts are carried out and then fail.
    """

    def __init__(self) -> None:
        self.done: list[tuple[str, bytes | None]] = []
        self.sequences: list[int] = []
        self.batches: list[int] = []
        self.attempts = 0
        self.refusals = 0
        self.has_forgotten = False
        self.taken_down: dict[str, Applied] = {}
        self.refuses: Callable[[LoggedWrite], bool] = lambda write: False
        self.breaks: Callable[[LoggedWrite], bool] = lambda write: False
        self.error: BaseException | None = None
        self.lost_answers = 0
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()

    @property
    def values(self) -> dict[str, bytes | None]:
        """What is stored."""
        return {key: value for key, value in dict(self.done).items() if value is not None}

    async def applied(self, log: str) -> Applied:
        return self.taken_down.get(log, Applied())

    async def apply(self, log: str, writes: Sequence[LoggedWrite], applied: Applied) -> None:
        self.attempts += 1
        self.begun.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        before = self.taken_down.get(log, Applied())
        self.has_forgotten |= applied.up_to < before.up_to
        left = [write for write in writes if not before.has(write.sequence)]
        for write in left:
            if self.refuses(write):
                self.refusals += 1
                raise WriteRefusedError(write.key)
            if self.breaks(write):
                raise ValueError(write.key)
        self.done += [(write.key, write.value) for write in left]
        self.sequences += [write.sequence for write in left]
        self.batches.append(len(writes))
        self.taken_down[log] = applied
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionResetError
