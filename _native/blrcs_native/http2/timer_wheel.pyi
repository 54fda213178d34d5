"""Many deadlines under one timer of the event loop."""

from asyncio import AbstractEventLoop
from typing import final

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
    def close(self) -> None:
        """Lets go of the loop's timer."""
