"""What a service does beside its calls: at the start, again and again, and at the end."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

Work = Callable[[], Awaitable[object]]

log = structlog.get_logger("blrcs.services")


@dataclass(frozen=True, slots=True)
class Repeated:
    """Work that is done once in each period.

    Attributes:
        period_s: How long one is.
        work: What is done.
        leader_only: Whether one of all workers does it, and not each.
    """

    period_s: float
    work: Work
    leader_only: bool


class ServiceLife:
    """The work of one service, in the order in which it was named. Belongs to the event loop."""

    def __init__(self) -> None:
        self._ahead: deque[tuple[bool, Work]] = deque()
        self._stops: list[Work] = []
        self._repeated: list[Repeated] = []
        self._repeat: Callable[[Repeated], None] = self._repeated.append
        self._is_new = True
        self._has_started = False

    @property
    def repeated(self) -> tuple[Repeated, ...]:
        """What was named before ``begin``."""
        return tuple(self._repeated)

    def on_start(self, work: Work) -> None:
        """See ServerResources."""
        if self._has_started:
            raise RuntimeError("the service has started already")
        self._ahead.append((True, work))

    def on_stop(self, work: Work) -> None:
        """See ServerResources."""
        if self._is_new:
            self._ahead.append((False, work))
        else:
            self._stops.append(work)

    def repeat(self, period_s: float, work: Work, *, leader_only: bool) -> None:
        """See ServerResources."""
        if period_s <= 0:
            raise ValueError("a period is more than 0 seconds")
        self._repeat(Repeated(period_s, work, leader_only))

    async def start(self) -> None:
        """Does what is for the start; what it raises ends it, and later work is never begun."""
        self._is_new = False
        while self._ahead:
            starts, work = self._ahead.popleft()
            if starts:
                await work()
            else:
                self._stops.append(work)
        self._has_started = True

    def begin(self, repeat: Callable[[Repeated], None]) -> None:
        """Hands over what is repeated, and what will be named from now on."""
        for each in self._repeated:
            repeat(each)
        self._repeat = repeat

    async def stop(self) -> None:
        """Does what is for the end, the last named first; a failure is logged and keeps no other.

        Where it is cancelled, what has not begun is left out.
        """
        while self._stops:
            work = self._stops.pop()
            try:
                await work()
            except Exception:
                log.exception("a service failed at its end")
