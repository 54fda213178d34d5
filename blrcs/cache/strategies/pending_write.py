"""A value that is acknowledged and not where it belongs yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """What a key has by the last write that was acknowledged; None where that deletes it."""

    value: bytes | None
