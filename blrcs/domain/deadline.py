"""How long the caller still waits for an answer."""

import time
from contextvars import ContextVar

call_deadline_ns: ContextVar[int | None] = ContextVar("call_deadline_ns", default=None)
"""When the caller of what runs now gives up, by ``time.monotonic_ns``; None where it never does."""

NS_PER_S = 1_000_000_000


def remaining_s() -> float | None:
    """Seconds that are left, at least 0; None where the caller waits for ever."""
    deadline_ns = call_deadline_ns.get()
    if deadline_ns is None:
        return None
    return max(0.0, (deadline_ns - time.monotonic_ns()) / NS_PER_S)
