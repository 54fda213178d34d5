"""Where the primary was, and when."""

from collections import deque

from blrcs.database.replicas.position import Position

NEVER_S = float("-inf")


class Samples:
    """Positions of the primary with the time at which they were asked for, for a while.

    So the age of what a replica holds is known by one clock, whether anything is written or not,
    and a replica that is cut off from its primary does not pass for one that has all.

    Args:
        keep_s: For how long.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._samples: deque[tuple[float, Position]] = deque()

    @property
    def newest_s(self) -> float:
        """When the primary was last asked."""
        return self._samples[-1][0] if self._samples else NEVER_S

    def add(self, asked_s: float, position: Position) -> None:
        """Adds what the primary told; ``asked_s`` is from before it was asked."""
        self._samples.append((asked_s, position))
        while self._samples[0][0] < asked_s - self._keep_s:
            self._samples.popleft()

    def as_of_s(self, position: Position) -> float:
        """The latest time by which all that was acknowledged is at a position."""
        for asked_s, written in reversed(self._samples):
            if position.covers(written):
                return asked_s
        return NEVER_S
