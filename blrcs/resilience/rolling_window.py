"""What came of the calls of the last while."""

from collections import deque
from dataclasses import dataclass

BUCKETS = 10


@dataclass(slots=True)
class _Bucket:
    began_s: float
    successes: int = 0
    failures: int = 0
    slow: int = 0


class RollingWindow:
    """Counts of the last ``length_s``, forgotten a tenth of it at a time. Has no clock.

    Args:
        length_s: How long an outcome counts.
    """

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._bucket_s = length_s / BUCKETS
        self._buckets: deque[_Bucket] = deque()

    def bucket(self, now_s: float) -> _Bucket:
        """Where what happens now is counted."""
        if self._buckets and now_s - self._buckets[-1].began_s < self._bucket_s:
            return self._buckets[-1]
        self._forget(now_s)
        self._buckets.append(_Bucket(now_s))
        return self._buckets[-1]

    def rates(self, now_s: float) -> tuple[int, float, float]:
        """How many calls there were, and which shares of them failed and were slow."""
        self._forget(now_s)
        failures = sum(each.failures for each in self._buckets)
        total = failures + sum(each.successes for each in self._buckets)
        slow = sum(each.slow for each in self._buckets)
        return total, failures / max(total, 1), slow / max(total, 1)

    def clear(self) -> None:
        """Forgets everything."""
        self._buckets.clear()

    def _forget(self, now_s: float) -> None:
        while self._buckets and now_s - self._buckets[0].began_s >= self._length_s:
            self._buckets.popleft()
