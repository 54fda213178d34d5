"""Write-through: a write goes to the store, and then to the cache."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.strategies.entries import Clock, Entries
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.domain.errors import DomainError, OutcomeUnknownError

DEFAULT_WRITE_NS = 10_000_000_000
NS_PER_S = 1_000_000_000

log = structlog.get_logger("blrcs.cache")

Write = Callable[[str, bytes | None], Awaitable[None]]
"""Writes a value to the store, or deletes it where it is None."""


class WriteThrough:
    """Writes values so that reads of the namespace through the other strategies see them.

    A mark in the cache comes first: until it is replaced, reads load and keep nothing. Then the
    store is written, and then the cache, which keeps the value only where nobody else has written
    meanwhile; where somebody has, it keeps nothing. So

    - where the mark cannot be set, nothing is written, and the caller gets the cache's error;
    - where the store fails, or the process dies, the mark stays for ``write_timeout_ns`` and a
      margin: whatever the store has then is what reads get;
    - where the cache fails after the store was written, the write has succeeded, and reads load.

    No read that begins after a write was acknowledged gets an older value, wherever it runs.

    Args:
        cache: Where values are kept.
        namespace: Theirs alone.
        write: Writes to the store. What it raises, the caller gets.
        lifetimes: How long a written value is kept.
        write_timeout_ns: How long ``write`` may take; it is cancelled then.
        clock: Wall-clock nanoseconds.

    Raises:
        ValueError: A time is out of its range.
    """

    def __init__(
        self,
        cache: CacheStore,
        namespace: str,
        write: Write,
        lifetimes: Lifetimes,
        *,
        write_timeout_ns: int = DEFAULT_WRITE_NS,
        clock: Clock = time.time_ns,
    ) -> None:
        if write_timeout_ns < 1:
            raise ValueError("write_timeout_ns must be at least 1")
        self._namespace = namespace
        self._write = write
        self._entries = Entries(cache, namespace, clock=clock)
        self._lifetimes = lifetimes
        self._write_timeout_ns = write_timeout_ns

    async def put(self, key: str, value: bytes) -> None:
        """Writes a value.

        Raises:
            OutcomeUnknownError: It took too long: whether it was written is not known.
            UnavailableError: The cache cannot be reached, and nothing was written.
            Exception: What the store raises.
        """
        await self._through(key, value)

    async def delete(self, key: str) -> None:
        """Deletes a value; raises what ``put`` does."""
        await self._through(key, None)

    async def _through(self, key: str, value: bytes | None) -> None:
        # What was cancelled may still be under way in the store for a while.
        version = await self._entries.mark_writing(key, 2 * self._write_timeout_ns)
        try:
            async with asyncio.timeout(self._write_timeout_ns / NS_PER_S) as limit:
                await self._write(key, value)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise OutcomeUnknownError(
                "OUTCOME_UNKNOWN", "the store took too long: whether it wrote is not known"
            ) from error
        try:
            kept = await self._entries.keep(key, value, self._lifetimes, version=version)
            if not kept:
                await self._entries.drop(key)
        except DomainError as error:
            log.warning(
                "a value was written and is not cached",
                namespace=self._namespace,
                problem=str(error),
            )
