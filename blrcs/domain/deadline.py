"""How long the caller still waits for an answer."""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

call_deadline_ns: ContextVar[int | None] = ContextVar("call_deadline_ns", default=None)
"""When the caller of what runs now gives up, by ``time.monotonic_ns``; None where it never does, or
where the running task knows by itself: see ``Timed``."""

NS_PER_S = 1_000_000_000


class Timed(Protocol):
    """The coroutine of a task that serves one call after another.

    A variable that each call sets would cost each call, so such a task is asked instead. Tasks that
    a handler starts have coroutines of their own, and no deadline but one that is set for them.
    """

    def time_remaining(self) -> float | None:
        """Seconds until the deadline of the call that is served now; None without one."""
        ...


def remaining_s() -> float | None:
    """Seconds that are left, at least 0; None where the caller waits for ever."""
    deadline_ns = call_deadline_ns.get()
    if deadline_ns is not None:
        return max(0.0, (deadline_ns - time.monotonic_ns()) / NS_PER_S)
    time_remaining = _serving()
    return None if time_remaining is None else time_remaining()


def expect_within(remaining: float | None) -> None:
    """Has the running task, and those that it starts, know its caller's deadline.

    Args:
        remaining: Seconds until then; None where there is none.
    """
    if remaining is not None:
        call_deadline_ns.set(time.monotonic_ns() + int(remaining * NS_PER_S))


def _serving() -> Callable[[], float | None] | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
    # To ask whether it is a Timed takes 20 us, and whoever waits for a connection asks.
    return None if task is None else getattr(task.get_coro(), "time_remaining", None)
