"""How long to gather before what has come is written: not at all when little comes."""

from collections.abc import Callable

NS_PER_S = 1_000_000_000


class Pace:
    """A bucket that what was written fills, and that leaks.

    While it is not full, whatever comes is written at once; while it is, what comes in one interval
    is written together. A flood fills it and is over a second after it has ended.

    Args:
        clock: Monotonic nanoseconds.
        busy_s: The interval while much comes.
        idle_s: That while little does: long enough for what comes together.
        rate: So many a second leak.
        capacity: So many it holds.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        busy_s: float,
        idle_s: float = 0.002,
        rate: int = 50,
        capacity: int = 50,
    ) -> None:
        self._clock = clock
        self._busy_s = busy_s
        self._idle_s = min(idle_s, busy_s)
        self._rate = rate
        self._capacity = capacity
        self._level = 0.0
        self._at_ns = clock()

    def wrote(self, count: int) -> None:
        """So many were written at once."""
        self._leak()
        self._level = min(self._level + count, self._capacity + self._rate)

    @property
    def interval_s(self) -> float:
        """So long what has just come may wait for more."""
        return self._busy_s if self.is_full else self._idle_s

    @property
    def is_full(self) -> bool:
        """Whether much comes."""
        self._leak()
        return self._level >= self._capacity

    def _leak(self) -> None:
        now_ns = self._clock()
        leaked = (now_ns - self._at_ns) * self._rate / NS_PER_S
        self._level = max(0.0, self._level - leaked)
        self._at_ns = now_ns
