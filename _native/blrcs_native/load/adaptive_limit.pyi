"""How many calls may run at once, found out from how long they take."""

from typing import final

@final
class AdaptiveLimit:
    """A limit that falls while calls are slower than they usually are, and grows else.

    It follows Gradient2 of Netflix's concurrency-limits: in each window the limit is multiplied by
    a gradient, the tolerated slowness divided by that seen, between 0.5 and 1, and the square root
    of the limit is added for a queue that keeps what is behind it busy. It begins at ``most``.
    There is no clock in it: whoever gathers a window's calls updates it.

    Args:
        least: It never falls below; 1 or more.
        most: It never grows beyond.
        tolerance: How many times longer than usual calls may take before it falls.

    Raises:
        ValueError: The bounds are crossed, or nothing is tolerated.
    """

    def __init__(self, *, least: float, most: float, tolerance: float = 2.0) -> None: ...
    @property
    def least(self) -> float: ...
    @property
    def most(self) -> float: ...
    @property
    def tolerance(self) -> float: ...
    @property
    def limit(self) -> float: ...
    def update(self, slowness: float, peak: float) -> None:
        """A window is over: calls took ``slowness`` times as long as usual, ``peak`` ran at once.

        Where nobody came near the limit it is not raised.
        """
