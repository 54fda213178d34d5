"""How long a value may be served."""

from dataclasses import dataclass

MAX_NS = 366 * 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Times in nanoseconds, from the end of the load or write that gave a value.

    Attributes:
        fresh_ns: How long it is served as it is; more than 0.
        stale_ns: For how long after that it is served while it is loaded anew; 0 not at all.
        negative_ns: How long it is remembered that there is no value; 0 not at all.
    """

    fresh_ns: int
    stale_ns: int = 0
    negative_ns: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fresh_ns <= MAX_NS:
            raise ValueError("fresh_ns must be more than 0, and at most 366 days")
        if not (0 <= self.stale_ns <= MAX_NS and 0 <= self.negative_ns <= MAX_NS):
            raise ValueError("stale_ns and negative_ns must be 0 to 366 days")
