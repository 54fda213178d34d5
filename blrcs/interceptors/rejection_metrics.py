"""Counts what guards refuse, and what they would refuse if they were not in shadow."""

from blrcs_native.calls.end_hook import EndHook
from blrcs_native.monitoring.metrics import Counter
from blrcs_native.monitoring.rejection_counter import RejectionCounter


class RejectionMetrics:
    """An observer.

    Args:
        counter: A family with the labels ``stage``, ``reason`` and ``shadow``.
    """

    LABELS = ("stage", "reason", "shadow")

    def __init__(self, counter: Counter) -> None:
        self.on_end = EndHook(RejectionCounter(counter), rejections=True)
