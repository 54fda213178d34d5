"""Has a server look at once where others announce that they have stored something."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from blrcs.application.ports.announcer import STORED, Announcer
from blrcs.application.ports.clock import Clock
from blrcs.domain.errors import PASSING
from blrcs.domain.record_name import CollectionKey
from blrcs.records.change_follower import ChangeFollower
from blrcs.records.change_signal import LocalChangeSignal
from blrcs.resilience.pace import Pace

PAUSE_S = 1.0
LOOK_S = 0.01
"""Between two looks, however often something is announced."""
BUSY_S = 0.05
"""The same where much is announced: whoever can reach the database can announce without end."""
LOOKS, LOOKS_PER_S = 100, 15
"""So many are as quick as they can be, after a rest, and so many a second at any time."""
LOOK_NS = 5_000_000
"""A look that takes longer counts as several."""
WATCHERS = 64
"""Waking more counts as several, likewise."""

log = structlog.get_logger("blrcs.following")


class Following:
    """Goes by announcements. Belongs to the event loop.

    They are believed in nothing: all that one can do is have the server look, and how often it
    looks has a bound, whoever announces.

    Args:
        announcer: Hears them.
        stored: Takes in what all servers go by.
        signal: Wakes watchers of records.
        follower: Ends copies of records; None where there are none.
        clock: Monotonic nanoseconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        announcer: Announcer,
        *,
        stored: Callable[[], Awaitable[object]],
        signal: LocalChangeSignal,
        follower: ChangeFollower | None,
        clock: Clock = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._announcer = announcer
        self._stored = stored
        self._signal = signal
        self._follower = follower
        self._clock = clock
        self._sleep = sleep
        self._is_stored = asyncio.Event()
        self._is_changed = asyncio.Event()
        self._is_watched = asyncio.Event()
        self._changed: set[CollectionKey] | None = set()
        self._woken = 0

    async def run(self) -> None:
        """Until it is cancelled. What cannot be looked at now is at the next announcement."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announcer.run(self._hear))
            group.create_task(self._look_at_each(self._is_stored, self._stored))
            group.create_task(self._look_at_each(self._is_watched, self._wake, self._more_woken))
            if self._follower is not None:
                group.create_task(self._look_at_each(self._is_changed, self._follower.look))

    def _hear(self, subjects: frozenset[str] | None) -> None:
        if subjects is None or STORED in subjects:
            self._is_stored.set()
        if self._follower is not None and self._follower.follows_any(subjects):
            self._is_changed.set()
        if subjects is None:
            self._changed = None
        elif self._changed is not None:
            # Of those alone that somebody watches: others may be made up, and without end.
            self._changed.update(self._signal.watched(subjects))
        if self._changed is None or self._changed:
            self._is_watched.set()

    async def _wake(self) -> None:
        changed, self._changed = self._changed, set()
        self._woken = self._signal.heard(changed)

    def _more_woken(self) -> int:
        return self._woken // WATCHERS

    async def _look_at_each(
        self,
        event: asyncio.Event,
        look: Callable[[], Awaitable[object]],
        more: Callable[[], int] = lambda: 0,
    ) -> None:
        """Looks whenever there is something new, at once while that is seldom.

        While it is not, one counts for what it takes, and for ``more``, and rests for all of that.
        """
        pace = Pace(self._clock, busy_s=BUSY_S, idle_s=LOOK_S, rate=LOOKS_PER_S, capacity=LOOKS)
        while True:
            await event.wait()
            event.clear()
            began_ns = self._clock()
            try:
                await look()
            except PASSING:
                await self._sleep(PAUSE_S)
            except Exception:
                log.exception("following an announcement failed")
                await self._sleep(PAUSE_S)
            else:
                counts = 1 + more() + (self._clock() - began_ns) // LOOK_NS
                pace.wrote(counts)
                await self._sleep(pace.interval_s * (counts if pace.is_full else 1))
