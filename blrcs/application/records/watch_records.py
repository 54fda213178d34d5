"""Watching the changes of a collection's records."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Self

from blrcs.application.ports.page_tokens import PageTokens
from blrcs.application.ports.records import ChangeFeed, ChangeSignal, FeedPosition
from blrcs.domain.errors import InvalidArgumentError, NotFoundError, OutOfRangeError
from blrcs.domain.record import RecordChange
from blrcs.domain.record_name import CollectionKey

BATCH = 100
"""As many changes are held for one watcher at most, however slow it is."""


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """What a watcher is told; ``change`` is None where the watch has begun."""

    resume_token: str
    sequence: int
    change: RecordChange | None = None


class WatchRecords:
    """Tells of every change of a collection's records in the order in which they were committed.

    A watcher reads from where it is as fast as it takes what it is told, so none holds up another,
    or fills the memory. One for whom changes are dropped too soon is told that it has missed some.
    """

    def __init__(
        self, *, feed: ChangeFeed, signal: ChangeSignal, resume_tokens: PageTokens
    ) -> None:
        self._feed = feed
        self._signal = signal
        self._resume_tokens = resume_tokens

    async def __call__(
        self, key: CollectionKey, resume_token: str
    ) -> AsyncGenerator[RecordEvent, None]:
        """STARTED first, then changes until it is closed.

        Raises:
            InvalidArgumentError: The token was altered, or is another collection's.
            NotFoundError: There is no such collection, or no more.
            OutOfRangeError: Changes after the token are kept no more, or it is of a change that the
                database has lost.
            ResourceExhaustedError: There are too many watchers.
            UnavailableError: The server is to stop.
        """
        with self._signal.watching(key) as waker:
            position = await self._feed.position(key)
            query = f"watch {key.name} {position.incarnation}"
            place = await self._start(key, query, resume_token, position)
            sequence = place.sequence
            yield RecordEvent(self._resume_tokens.issue(query, str(place)), sequence)
            while True:
                waker.reset()
                # One row is read where nothing has happened, however many watch.
                now = await self._feed.position(key)
                if now.incarnation != position.incarnation:
                    raise NotFoundError(key.name)
                if now.sequence == sequence:
                    await waker.wait()
                    continue
                if not now.purged <= sequence <= now.sequence:
                    raise _missed(key)
                changes = await self._feed.after(key, sequence, min(now.sequence - sequence, BATCH))
                if not changes:
                    raise _missed(key)
                for change in changes:
                    if change.sequence != sequence + 1:
                        raise _missed(key)
                    sequence = change.sequence
                    place = _Place(sequence, change.time_ns)
                    token = self._resume_tokens.issue(query, str(place))
                    yield RecordEvent(token, sequence, change)

    async def _start(
        self, key: CollectionKey, query: str, resume_token: str, position: FeedPosition
    ) -> "_Place":
        if not resume_token:
            time_ns = await self._time_of(key, position.sequence, position)
            return _Place(position.sequence, time_ns)
        try:
            place = _Place.read(self._resume_tokens.redeem(query, resume_token))
        except InvalidArgumentError as error:
            raise InvalidArgumentError(
                "resume_token", "was not issued for this collection", reason="RESUME_TOKEN_INVALID"
            ) from error
        is_kept = position.purged <= place.sequence <= position.sequence
        if is_kept and place.time_ns:
            time_ns = await self._time_of(key, place.sequence, position)
            is_kept = time_ns in (0, place.time_ns)
        if not is_kept:
            raise OutOfRangeError(
                "RESUME_TOKEN_EXPIRED",
                "the changes after the resume token are kept no more: list, and watch anew",
            )
        return place

    async def _time_of(self, key: CollectionKey, sequence: int, position: FeedPosition) -> int:
        """When a change was made; 0 where it is kept no more."""
        if sequence == position.purged:
            return 0
        changes = await self._feed.after(key, sequence - 1, 1)
        return next((each.time_ns for each in changes if each.sequence == sequence), 0)


@dataclass(frozen=True, slots=True)
class _Place:
    """A change behind which a watcher is, by its number and its time; 0 where that is not known.

    A database that was restored as it once was, or that lost its last writes with a server, gives
    the same numbers to other changes.
    """

    sequence: int
    time_ns: int

    @classmethod
    def read(cls, text: str) -> Self:
        sequence, _, time_ns = text.partition(" ")
        return cls(int(sequence), int(time_ns or 0))

    def __str__(self) -> str:
        return f"{self.sequence} {self.time_ns}"


def _missed(key: CollectionKey) -> OutOfRangeError:
    return OutOfRangeError(
        "CHANGES_MISSED",
        "changes were dropped before the watcher took them: list, and watch anew",
        metadata={"resource": key.name},
    )
