"""Signals that come to a server before it can act on them."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType


class EarlySignals:
    """Notes signals by which a process would end, until somebody acts on them.

    To be made first of all, in the main thread; from then on none of them ends the process.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._came: set[int] = set()
        for number in numbers:
            signal.signal(number, self._note)

    def hand_over(self, number: signal.Signals, act: Callable[[], object]) -> None:
        """Has the running loop call ``act`` at the signal; once now, where it has come before."""
        asyncio.get_running_loop().add_signal_handler(number, act)
        if number in self._came:
            act()

    def _note(self, number: int, _: FrameType | None) -> None:
        self._came.add(number)
