"""What one process may take of a limit that many count together."""

from collections.abc import Callable
from typing import final

@final
class Share:
    """Requests that were taken of a limit in advance, and may be spent until a time is over.

    All times are nanoseconds of the system's monotonic clock. ``on_low`` is called with the share
    once after each ``put`` whose ``low`` the rest falls below; what it raises, whoever spends gets.

    Attributes:
        spent: All that was ever spent, or noted as such.
        remaining: What the limit had left for everybody when it was last asked.
        reset_at_ns: When it would have been whole again.
    """

    remaining: int
    reset_at_ns: int

    def __init__(self, on_low: Callable[[Share], object]) -> None: ...
    @property
    def spent(self) -> int: ...
    @property
    def ends_at_ns(self) -> int:
        """Until when the older part may be spent."""
    def left_at(self, now_ns: int) -> int:
        """What may be spent."""
    def has(self, cost: int, now_ns: int) -> bool:
        """Whether so much may be spent."""
    def take(self, cost: int, now_ns: int) -> bool:
        """Spends it, if there is so much."""
    def take_up_to(self, cost: int, now_ns: int) -> int:
        """Spends what there is of it, and tells nobody that little is left."""
    def note(self, cost: int) -> None:
        """Counts what was taken of the limit beside the share."""
    def put(self, amount: int, ends_ns: int, now_ns: int, *, low: int = 0) -> None:
        """Adds what may be spent before ``ends_ns``."""
    def drop(self) -> None:
        """Forgets what is left."""
