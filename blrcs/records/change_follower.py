"""Follows what others change of the records of which this process has copies.

A copy is good for ``interval_ns`` after the last look that found everything out: so a change that
was committed longer ago than that is not hidden by any copy, whoever made it, and however long the
database could not be asked.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import FeedPosition
from blrcs.domain.record_name import CollectionKey
from blrcs_native.record_copies import RecordCopies

MAX_FOLLOWED = 1024
MAX_CHANGES = 1000
"""Where there are more since the last look, all copies of the collection end."""

NS_PER_S = 1_000_000_000
LOOKS_IN_INTERVAL = 2


class FollowedFeeds(Protocol):
    """The feeds of collections, as they are committed."""

    async def positions(
        self, keys: Sequence[CollectionKey]
    ) -> Mapping[CollectionKey, FeedPosition]:
        """Where the feeds are, of those of the collections that there are."""
        ...

    async def changed_after(self, key: CollectionKey, sequence: int, limit: int) -> Sequence[str]:
        """The ids of the records that changed after one change, one for each change."""
        ...


class ChangeFollower:
    """Ends copies of what others have changed. Belongs to the event loop.

    Args:
        feeds: Never those of a replica.
        copies: Whose collections are followed.
        interval_ns: For how long a look is good.
        monotonic: The nanoseconds that the copies go by.
    """

    def __init__(
        self,
        *,
        feeds: FollowedFeeds,
        copies: RecordCopies,
        interval_ns: int,
        monotonic: Clock = time.monotonic_ns,
    ) -> None:
        self._feeds = feeds
        self._copies = copies
        self._interval_ns = interval_ns
        self._monotonic = monotonic
        self._followed: dict[CollectionKey, FeedPosition] = {}
        self._names: set[str] = set()
        self._looking = asyncio.Lock()
        # There are none yet, so nothing can have been missed.
        copies.good_until_ns = monotonic() + interval_ns

    @property
    def period_s(self) -> float:
        """How often to look: often enough that the next look is done while the last is good."""
        return self._interval_ns / LOOKS_IN_INTERVAL / NS_PER_S

    async def follow(self, key: CollectionKey) -> bool:
        """Begins to, if need be. What is read after it has returned may be kept a copy of.

        False where there is no such collection.
        """
        if key in self._followed:
            return True
        position = (await self._feeds.positions([key])).get(key)
        if position is None:
            return False
        if len(self._followed) >= MAX_FOLLOWED:
            self._leave(next(iter(self._followed)))
        # Where another call was faster, what it knows may be newer, and goes for this one too.
        self._followed.setdefault(key, position)
        self._names.add(key.name)
        return True

    def follows_any(self, names: Collection[str] | None) -> bool:
        """Whether there may be copies of a collection of these names; None: of any."""
        return bool(self._names) if names is None else not self._names.isdisjoint(names)

    async def look(self) -> None:
        """Finds out what has changed; what it raises leaves copies good for as long as they were.

        Raises:
            UnavailableError, ResourceExhaustedError: The database cannot be asked.
        """
        async with self._looking:
            began_ns = self._monotonic()
            # What is followed from later on is known as it is later.
            followed = dict(self._followed)
            found = await self._feeds.positions(tuple(followed))
            for key, known in followed.items():
                position = found.get(key)
                if self._followed.get(key) is not known:
                    continue
                if position is None:
                    self._leave(key)
                elif position != known:
                    await self._catch_up(key, known, position)
            self._copies.good_until_ns = began_ns + self._interval_ns

    async def _catch_up(
        self, key: CollectionKey, known: FeedPosition, position: FeedPosition
    ) -> None:
        count = position.sequence - known.sequence
        is_told = (
            position.incarnation == known.incarnation
            and position.purged <= known.sequence
            and 0 <= count <= MAX_CHANGES
        )
        ids = await self._changed(key, known, count) if is_told else None
        if ids is None:
            self._copies.all_changed(key.name)
        else:
            self._copies.changed(key.name, [key.record(each).name for each in ids])
        self._followed[key] = position

    async def _changed(
        self, key: CollectionKey, known: FeedPosition, count: int
    ) -> Sequence[str] | None:
        """Ids of records, or None where some have been purged meanwhile."""
        if not count:
            return ()
        ids = await self._feeds.changed_after(key, known.sequence, count)
        return ids if len(ids) == count else None

    def _leave(self, key: CollectionKey) -> None:
        """Nobody looks any more for what changes in it."""
        del self._followed[key]
        self._names.discard(key.name)
        self._copies.all_changed(key.name)
