"""Time, as use cases see it."""

from typing import Protocol


class Clock(Protocol):
    """Wall-clock time."""

    def __call__(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...
