"""Puts right what dead processes left, as soon as it can be had."""

import asyncio
from collections.abc import Callable

AGAIN_S = 0.5


class Recovery:
    """To be called after each death. What another process holds up is tried again later.

    So a process that was stopped never has the supervisor wait. Belongs to the running loop.

    Args:
        recover: Does what it can at once, and tells whether that was all; may be repeated.
    """

    def __init__(self, recover: Callable[[], bool]) -> None:
        self._recover = recover
        self._again: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Does what can be done now, and sees to the rest."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if not self._recover():
            self._again = asyncio.get_running_loop().call_later(AGAIN_S, self)
