"""One load of one key, and those who wait for it."""

import asyncio
from collections.abc import Sequence

from blrcs.cache.strategies.stored_value import Kind, StoredValue


class Flight:
    """A load that is to begin, under way, or done.

    Attributes:
        key: What it loads.
        seen: What stood in the cache before it; None where that is not known yet.
        began: Its place among all arrivals and beginnings; None before it begins.
        result: The value, or what the load raised.
        waiting: Callers that wait.
        is_refresh: Whether it goes on though nobody waits.
        task: What carries it out; None before it is started.
        batch: Those that the task carries out, this one among them.
    """

    __slots__ = ("batch", "began", "is_refresh", "key", "result", "seen", "task", "waiting")

    def __init__(self, key: str, seen: StoredValue | None, *, is_refresh: bool) -> None:
        self.key = key
        self.seen = seen
        self.began: int | None = None
        self.result: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self.waiting = 0
        self.is_refresh = is_refresh
        self.task: asyncio.Task[None] | None = None
        self.batch: Sequence[Flight] = ()

    @property
    def is_wanted(self) -> bool:
        """Whether anybody has a use for the result."""
        return self.is_refresh or self.waiting > 0

    def serves(self, arrived: int, version: int | None) -> bool:
        """Whether its result is new enough for a caller.

        It is where it began after the caller came. It is too where the entry that it is to replace
        still stood in the cache when the caller looked, and nobody was changing the value when it
        began: then nobody has changed it in between.
        """
        if self.began is None or self.began > arrived:
            return True
        if self.seen is None or self.seen.kind is Kind.WRITING:
            return False
        return self.seen.version == version

    def succeed(self, value: bytes | None) -> None:
        """Tells all who wait."""
        if not self.result.done():
            self.result.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Likewise."""
        if not self.result.done():
            self.result.set_exception(error)
            # Nobody may be there to take it, and that is right for a refresh.
            self.result.exception()
