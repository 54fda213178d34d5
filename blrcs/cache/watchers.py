"""Those who want to know what happens in a namespace."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError

MAX_WATCHERS = 256
MAX_PENDING = 1024


class Watcher:
    """One watcher's prefix, and the events that it has not taken yet."""

    def __init__(self, key_prefix: str = "") -> None:
        self._key_prefix = key_prefix
        self._pending: deque[CacheEvent] = deque()
        self._end: Exception | None = None
        self._changed = asyncio.Event()

    def offer(self, event: CacheEvent) -> bool:
        """Keeps the event if it concerns the watcher; False once the watcher has fallen behind."""
        if event.key and not event.key.startswith(self._key_prefix):
            return True
        if len(self._pending) == MAX_PENDING:
            self.end(
                ResourceExhaustedError(
                    "WATCHER_TOO_SLOW", "changes came faster than the watcher took them"
                )
            )
        else:
            self._pending.append(event)
            self._changed.set()
        return self._end is None

    def end(self, reason: Exception) -> None:
        """Lets the watcher go, who is told the reason instead of what is pending."""
        # What it has missed makes the rest worthless, and its reader may never come back.
        self._pending.clear()
        self._end = reason
        self._changed.set()

    async def next(self) -> CacheEvent:
        """The next event; the reason of its end once it was let go."""
        while self._end is None:
            if self._pending:
                return self._pending.popleft()
            self._changed.clear()
            await self._changed.wait()
        raise self._end


class Watchers:
    """The watchers of all namespaces, whether these exist or not. Belongs to the event loop.

    A namespace has at most MAX_WATCHERS, and each holds at most MAX_PENDING events.
    """

    def __init__(self) -> None:
        self._watching: dict[str, set[Watcher]] = {}
        self._finished = False

    @property
    def watched(self) -> dict[str, set[Watcher]]:
        """The namespaces that somebody watches; always the same dict."""
        return self._watching

    def finish(self) -> None:
        """Lets everyone go, and watches nothing any more: the server is to stop."""
        self._finished = True
        for watching in self._watching.values():
            for watcher in watching:
                watcher.end(draining())

    def lose(self, namespace: str, reason: Exception) -> None:
        """Lets those of a namespace go, of which nothing more is heard."""
        for watcher in self._watching.get(namespace, ()):
            watcher.end(reason)

    def count(self, namespace: str) -> int:
        """How many watch a namespace."""
        return len(self._watching.get(namespace, ()))

    def tell(self, namespace: str, kind: CacheEventKind, key: str = "", version: int = 0) -> None:
        """Tells everyone whom it concerns. Waits for nobody: who is behind is let go."""
        watching = self._watching.get(namespace)
        if watching is None:
            return
        event = CacheEvent(kind, key, version)
        behind = [watcher for watcher in watching if not watcher.offer(event)]
        for watcher in behind:
            self._forget(namespace, watcher)

    async def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        """STARTED once it is first asked, then events from there on, until it is closed.

        Raises:
            ResourceExhaustedError: There are too many watchers, or this one fell behind.
            UnavailableError: The server is to stop.
        """
        if self._finished:
            raise draining()
        if self.count(namespace) >= MAX_WATCHERS:
            raise ResourceExhaustedError(
                "TOO_MANY_WATCHERS", f"the namespace has {MAX_WATCHERS} watchers already"
            )
        watcher = Watcher(key_prefix)
        self._watching.setdefault(namespace, set()).add(watcher)
        try:
            yield CacheEvent(CacheEventKind.STARTED)
            while True:
                yield await watcher.next()
        finally:
            self._forget(namespace, watcher)

    def _forget(self, namespace: str, watcher: Watcher) -> None:
        watching = self._watching.get(namespace, set())
        watching.discard(watcher)
        if not watching:
            self._watching.pop(namespace, None)


def draining() -> UnavailableError:
    """Why a watch ends when its server does."""
    return UnavailableError("SERVER_DRAINING", "the server is about to stop: watch again")
