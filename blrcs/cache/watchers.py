"""Those who want to know what happens in a namespace."""

import asyncio
from collections.abc import AsyncIterator

from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import ResourceExhaustedError

MAX_WATCHERS = 256
MAX_PENDING = 1024


class _Watcher:
    """One watcher's prefix, and the events that it has not taken yet."""

    def __init__(self, key_prefix: str) -> None:
        self.key_prefix = key_prefix
        self.pending: asyncio.Queue[CacheEvent] = asyncio.Queue(MAX_PENDING)
        self.behind = asyncio.Event()

    def offer(self, event: CacheEvent) -> None:
        if event.key and not event.key.startswith(self.key_prefix):
            return
        try:
            self.pending.put_nowait(event)
        except asyncio.QueueFull:
            self.behind.set()

    async def next(self) -> CacheEvent:
        """The next event; raises once one was lost."""
        if self.behind.is_set():
            raise ResourceExhaustedError(
                "WATCHER_TOO_SLOW", "changes came faster than the watcher took them"
            )
        return await self.pending.get()


class Watchers:
    """The watchers of one namespace. Belongs to the event loop."""

    def __init__(self) -> None:
        self._watchers: set[_Watcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    def tell(self, event: CacheEvent) -> None:
        """Tells everyone whom it concerns. Does not wait for anybody."""
        for watcher in self._watchers:
            watcher.offer(event)

    async def watch(self, key_prefix: str) -> AsyncIterator[CacheEvent]:
        """Events from now on, until the iterator is closed.

        Raises:
            ResourceExhaustedError: There are too many watchers, or this one fell behind.
        """
        if len(self._watchers) >= MAX_WATCHERS:
            raise ResourceExhaustedError(
                "TOO_MANY_WATCHERS", f"the namespace has {MAX_WATCHERS} watchers already"
            )
        watcher = _Watcher(key_prefix)
        self._watchers.add(watcher)
        try:
            yield CacheEvent(CacheEventKind.STARTED)
            while True:
                yield await watcher.next()
        finally:
            self._watchers.discard(watcher)
