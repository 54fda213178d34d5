"""How much servers announce to each other, and how often each may, so that all can be heard.

Each goes by what it hears, and nobody knows how many there are: who hears a hundred announcements a
second waits a hundredth of a second longer between its own, and so on. What came meanwhile is told
together. So ten thousand busy workers announce no more than ten times what a hundred do.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

import structlog

from blrcs.resilience.pace import NS_PER_S, Pace

HEARD_PER_S, HEARD_AT_ONCE = 8000, 16000
"""More than that is not listened to: one takes some 3 us, with as many subjects as it may have 8,
so that all take less than a tenth of a core. Six thousand workers that have something to tell all
the time tell as much."""
TELL_S = 0.01
"""Between two tellings, where there is always something to tell and nobody else has."""
UNHURRIED_PER_S = 100
"""For each so many that are heard in a second, ``TELL_S`` more."""
LONGEST_TELL_S = 1.0
"""However much is heard: that may be a stranger's."""
REMEMBERED_S = 1.0
NS_PER_MINUTE = 60 * NS_PER_S
"""So long nothing may have been too much, before that is told anew."""

log = structlog.get_logger("blrcs.following")


class Traffic:
    """What one worker hears and tells. Belongs to the event loop.

    Args:
        clock: Monotonic nanoseconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._heard = Pace(clock, busy_s=0, rate=HEARD_PER_S, capacity=HEARD_AT_ONCE)
        self._told = Pace(clock, busy_s=TELL_S, idle_s=0)
        self._recent = 0.0
        self._at_ns = clock()
        self._flooded_ns: int | None = None

    def heard(self, count: int) -> None:
        """So many were heard of others; what one hears of oneself does not count."""
        self._heard.wrote(count)
        self._fade()
        self._recent += count

    @property
    def is_too_much(self) -> bool:
        """Whether more is heard than is to be listened to."""
        return self._heard.is_full

    def flood_begins(self, channel: str) -> bool:
        """Notes that there is too much on a channel; whether there was not for a minute.

        Then it is logged, once for as long as it goes on.
        """
        now_ns, before_ns = self._clock(), self._flooded_ns
        self._flooded_ns = now_ns
        if before_ns is not None and now_ns - before_ns < NS_PER_MINUTE:
            return False
        log.warning(
            "more is announced than is listened to", channel=channel, limit_per_s=HEARD_PER_S
        )
        return True

    @property
    def interval_s(self) -> float:
        """How long to gather what is to be told next."""
        self._fade()
        heard_per_s = self._recent / REMEMBERED_S
        wait_s = self._told.interval_s + TELL_S * heard_per_s / UNHURRIED_PER_S
        return min(wait_s, LONGEST_TELL_S)

    async def told(self) -> None:
        """Returns when it is time to tell again."""
        self._told.wrote(1)
        await self._sleep(self.interval_s)

    def _fade(self) -> None:
        now_ns = self._clock()
        self._recent *= math.exp((self._at_ns - now_ns) / NS_PER_S / REMEMBERED_S)
        self._at_ns = now_ns
