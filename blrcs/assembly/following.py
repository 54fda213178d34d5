"""Has a server look at once where others announce that they have stored something."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress

import structlog

from blrcs.application.ports.announcer import STORED, Announcer
from blrcs.domain.errors import InvalidArgumentError, UnavailableError
from blrcs.domain.record_name import CollectionKey, collection_key_in
from blrcs.records.change_follower import ChangeFollower
from blrcs.records.change_signal import LocalChangeSignal

PAUSE_S = 1.0
LOOK_S = 0.01
"""Between two looks, however often something is announced."""

log = structlog.get_logger("blrcs.following")


class Following:
    """Goes by announcements. Belongs to the event loop.

    Args:
        announcer: Hears them.
        stored: Takes in what all servers go by.
        signal: Wakes watchers of records.
        follower: Ends copies of records; None where there are none.
    """

    def __init__(
        self,
        announcer: Announcer,
        *,
        stored: Callable[[], Awaitable[object]],
        signal: LocalChangeSignal,
        follower: ChangeFollower | None,
    ) -> None:
        self._announcer = announcer
        self._stored = stored
        self._signal = signal
        self._follower = follower
        self._is_stored = asyncio.Event()
        self._is_changed = asyncio.Event()

    async def run(self) -> None:
        """Until it is cancelled. What cannot be looked at now is at the next announcement."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announcer.run(self._hear))
            group.create_task(_look_at_each(self._is_stored, self._stored))
            if self._follower is not None:
                group.create_task(_look_at_each(self._is_changed, self._follower.look))

    def _hear(self, subjects: frozenset[str] | None) -> None:
        if subjects is None or STORED in subjects:
            self._is_stored.set()
        keys = None if subjects is None else frozenset(_collections(subjects))
        self._signal.heard(keys)
        if self._follower is not None and self._follower.follows_any(keys):
            self._is_changed.set()


def _collections(subjects: Iterable[str]) -> Iterator[CollectionKey]:
    for subject in subjects:
        # Somebody else's, or of another version.
        with suppress(InvalidArgumentError):
            yield collection_key_in(subject)


async def _look_at_each(event: asyncio.Event, look: Callable[[], Awaitable[object]]) -> None:
    while True:
        await event.wait()
        event.clear()
        try:
            await look()
        except UnavailableError:
            await asyncio.sleep(PAUSE_S)
        except Exception:
            log.exception("following an announcement failed")
            await asyncio.sleep(PAUSE_S)
        else:
            await asyncio.sleep(LOOK_S)
