"""What bounds the loads of a read-through."""

from dataclasses import dataclass

S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Bounds, each above 0, and how reads are refreshed.

    Attributes:
        max_loads: Loads that run at once. More wait; in the background they are left out.
        max_waiting: Callers that wait for loads at once; more are refused.
        max_batch: Keys that one load of several is asked for.
        load_timeout_ns: How long a load may take; it is cancelled then.
        early_beta: How eagerly fresh values are loaded anew before their time is over, as XFetch
            has it: 1 is usual, more is earlier, 0 is never.
        retry_ns: How long a refresh that failed is not tried again.
    """

    max_loads: int = 64
    max_waiting: int = 10_000
    max_batch: int = 100
    load_timeout_ns: int = 10 * S
    early_beta: float = 1.0
    retry_ns: int = 1 * S

    def __post_init__(self) -> None:
        counts = (self.max_loads, self.max_waiting, self.max_batch)
        if min(*counts, self.load_timeout_ns, self.retry_ns) < 1:
            raise ValueError("counts and times must be at least 1")
        if not 0 <= self.early_beta <= MAX_BETA:
            raise ValueError(f"early_beta must be 0 to {MAX_BETA}")


MAX_BETA = 100
