"""Counts what guards refuse, and what they would refuse if they were not in shadow."""

from blrcs_native.calls.call import Call
from blrcs_native.calls.end_hook import EndHook
from blrcs_native.calls.rejection import Rejection
from blrcs_native.monitoring.metrics import Counter


class RejectionMetrics:
    """An observer.

    Args:
        counter: A family with the labels ``stage``, ``reason`` and ``shadow``.
    """

    LABELS = ("stage", "reason", "shadow")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.on_end = EndHook(self._count_rejections, rejections=True)

    def _count_rejections(self, call: Call) -> None:
        """Counts the call's rejection and those that shadow let pass."""
        if call.rejection is not None:
            self._count(call.rejection, "false")
        for rejection in call.shadowed or ():
            self._count(rejection, "true")

    def _count(self, rejection: Rejection, shadow: str) -> None:
        self._counter.labels(rejection.stage, rejection.reason, shadow).inc()
