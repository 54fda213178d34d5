"""Tells those who have copies of records, and those who watch them, of changes.

A copy is known at once to be old, in every process of the server. Watchers are woken at once where
the process is theirs; others tell by a number in shared memory, which is looked at as long as
somebody watches. Other machines announce what they commit, where there is a way; and it is found by
looking into the database at an interval.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from blrcs.domain.record_name import CollectionKey
from blrcs_native.cache.stamps import CacheStamps
from blrcs_native.shared.generation import Generation

MAX_WATCHERS = 1024
LOOK_S = 0.01


class Waker:
    """Implements the ChangeWaker port."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._changed = asyncio.Event()
        self._finished = False

    def reset(self) -> None:
        """See the port."""
        if self._finished:
            raise draining()
        self._changed.clear()

    async def wait(self) -> None:
        """See the port."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._changed.wait()
        except TimeoutError:
            return
        if self._finished:
            raise draining()

    def wake(self) -> None:
        """Something has changed."""
        self._changed.set()

    def finish(self) -> None:
        """The server is to stop."""
        self._finished = True
        self._changed.set()


class LocalChangeSignal:
    """Implements the ChangeSignal port. Belongs to the event loop.

    Args:
        interval_s: How often a watcher looks where nobody wakes it.
        generation: Moves with every write of any process; None where there is one process.
        stamps: Tell all processes that their copies are old; None where nobody has any. Also where
            this one has none: others may be set up otherwise.
        announce: Tells other machines of a collection, by its name; None where there is no way.
        max_watchers: At most so many at once.
    """

    def __init__(
        self,
        *,
        interval_s: float,
        generation: Generation | None = None,
        stamps: CacheStamps | None = None,
        announce: Callable[[str], None] | None = None,
        max_watchers: int = MAX_WATCHERS,
    ) -> None:
        self._interval_s = interval_s
        self._generation = generation
        self._stamps = stamps
        self._announce = announce
        self._max_watchers = max_watchers
        self._watching: dict[CollectionKey, set[Waker]] = defaultdict(set)
        self._named: dict[str, CollectionKey] = {}
        self._count = 0
        self._looking: asyncio.TimerHandle | None = None
        self._finished = False

    def tell(self, key: CollectionKey, record_ids: Iterable[str] | None = None) -> None:
        """See the port."""
        if self._stamps is not None:
            stamps = self._stamps.of(key.name)
            if record_ids is None:
                stamps.bump_whole()
            else:
                prefix = key.record_prefix
                for record_id in record_ids:
                    stamps.bump(f"{prefix}{record_id}")
        for waker in self._watching.get(key, ()):
            waker.wake()
        if self._generation is not None:
            self._generation.bump()
        if self._announce is not None:
            self._announce(key.name)

    def heard(self, keys: Collection[CollectionKey] | None) -> int:
        """Wakes who watches collections that another machine has changed; None: any of them.

        Returns how many it has woken.
        """
        if keys is None:
            self._wake_all()
            return self._count
        woken = 0
        for key in keys:
            watching = self._watching.get(key, ())
            woken += len(watching)
            for waker in watching:
                waker.wake()
        return woken

    def watched(self, names: Iterable[str]) -> Iterator[CollectionKey]:
        """Of whatever may be names of collections, those that somebody watches."""
        return (self._named[name] for name in names if name in self._named)

    @contextmanager
    def watching(self, key: CollectionKey) -> Iterator[Waker]:
        """See the port."""
        if self._finished:
            raise draining()
        if self._count >= self._max_watchers:
            raise ResourceExhaustedError(
                "TOO_MANY_WATCHERS", f"there are {self._max_watchers} watchers already"
            )
        waker = Waker(self._interval_s)
        self._watching[key].add(waker)
        self._named[key.name] = key
        self._count += 1
        if self._looking is None and self._generation is not None:
            self._look()
        try:
            yield waker
        finally:
            self._count -= 1
            self._watching[key].discard(waker)
            if not self._watching[key]:
                del self._watching[key], self._named[key.name]

    def finish(self) -> None:
        """Ends all watches with UnavailableError, so that they do not keep a server from ending."""
        self._finished = True
        for watching in self._watching.values():
            for waker in watching:
                waker.finish()

    def _look(self) -> None:
        """Wakes everybody where any process has written, and looks again after a while."""
        self._looking = None
        if self._generation is None or not self._count:
            return
        if self._generation.moved():
            self._generation.catch_up(self._wake_all)
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _wake_all(self) -> None:
        for watching in self._watching.values():
            for waker in watching:
                waker.wake()


def draining() -> UnavailableError:
    """Why a watch ends when its server does."""
    return UnavailableError("SERVER_DRAINING", "the server is about to stop: watch again")
