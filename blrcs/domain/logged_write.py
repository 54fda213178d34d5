"""Writes that are acknowledged before whom they are for has them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """One write of a log.

    Attributes:
        sequence: Its place; later writes of the log have higher ones. At least 1.
        key: What it writes.
        value: The whole new value; None where the key is deleted.
        time_ns: When it was logged, in nanoseconds since the Unix epoch.
    """

    sequence: int
    key: str
    value: bytes | None
    time_ns: int

    @property
    def size_bytes(self) -> int:
        """What it counts for where bytes are bounded."""
        return len(self.key) + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class Applied:
    """Which writes of a log have been dealt with.

    Attributes:
        up_to: All up to this sequence have, 0 for none,
        but: except these.
    """

    up_to: int = 0
    but: frozenset[int] = frozenset()

    def has(self, sequence: int) -> bool:
        """Whether that write has been."""
        return sequence <= self.up_to and sequence not in self.but
