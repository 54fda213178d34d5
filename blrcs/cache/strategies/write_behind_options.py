"""What bounds a write-behind."""

from dataclasses import dataclass, fields

from blrcs.cache.strategies.log.record import MAX_VALUE_BYTES

MS = 1_000_000
S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBehindOptions:
    """Bounds and times, each above 0.

    Attributes:
        max_entries: Writes that may be acknowledged and not applied; more are refused.
        max_log_bytes: Bytes that the log's files may have; beyond, writes are refused.
        max_value_bytes: The largest value.
        segment_bytes: A file of the log as large as that is followed by another.
        batch_entries: Writes that the sink is given at once, at most.
        batch_bytes: Likewise, but for one larger write.
        apply_timeout_ns: How long the sink may take for them.
        first_pause_ns: The longest pause after a first failure; it doubles with each further one.
        longest_pause_ns: The longest pause of all. Pauses are random up to their bound.
        max_attempts: Refusals after which a write is set aside as a dead letter.
        max_held: Writes that may wait behind refused ones, before all others wait too.
        drain_timeout_ns: How long closing waits for what is not applied; it stays in the log.
    """

    max_entries: int = 100_000
    max_log_bytes: int = 256 << 20
    max_value_bytes: int = 4 << 20
    segment_bytes: int = 8 << 20
    batch_entries: int = 256
    batch_bytes: int = 4 << 20
    apply_timeout_ns: int = 30 * S
    first_pause_ns: int = 50 * MS
    longest_pause_ns: int = 10 * S
    max_attempts: int = 8
    max_held: int = 1000
    drain_timeout_ns: int = 10 * S

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} must be at least 1")
        if self.max_value_bytes > MAX_VALUE_BYTES:
            raise ValueError(f"max_value_bytes must be at most {MAX_VALUE_BYTES}")
