"""Many deadlines under one timer of the event loop."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import final

@final
class Alarm:
    """A timer that calls back; it has to be held while it is set."""

    def __init__(self, callback: Callable[[], object]) -> None: ...

@final
class TimerWheel:
    """Timers, each told once when its time has come, at most 5 ms late by the wheel itself.

    To set and to cancel one costs the same however many there are. Driven by ``loop``, which holds
    one timer for all, and none where there are none.
    """

    def __init__(self, loop: AbstractEventLoop | None = None) -> None: ...
    @property
    def pending(self) -> int:
        """Timers that are set."""
    def set(self, alarm: Alarm, due_ns: int) -> None:
        """For a time of ``time.monotonic_ns``; anew if it is set already."""
    def unset(self, alarm: Alarm) -> None:
        """Does nothing where it is not set."""
    def advance_to(self, now_ns: int) -> None:
        """Fires all that is due; ``loop`` does so by itself."""
    def close(self) -> None:
        """Lets go of the loop's timer."""
