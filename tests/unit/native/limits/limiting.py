"""A limiter whose clock stands where it is put, and its answers in the words of the model."""

from blrcs_native.limits.limiter import (
    Decision,
    Limiter,
)
from tests.unit.native.limits.limiter_model import Answer

SECOND = 1_000_000_000
ALGORITHMS = ["gcra", "fixed_window", "sliding_window", "concurrency"]
HEADER_BYTES = 128
BUCKET_BYTES = 512


class FakeClock:
    """A clock that stands where it is put."""

    def __init__(self, now=0):
        self.now = now

    def __call__(self):
        return self.now


def answer_of(decision: Decision) -> Answer:
    return Answer(*(getattr(decision, name) for name in Answer.__slots__))


def limiter_at(now, capacity_cells=64):
    clock = FakeClock(now)
    return Limiter(capacity_cells, clock=clock), clock
