"""Counts what guards and handlers refuse, and what guards in shadow would have."""

from typing import final

from blrcs_native.calls.call import Call
from blrcs_native.monitoring.metrics import Counter

@final
class RejectionCounter:
    """What an EndHook calls.

    Args:
        family: Has the labels ``stage``, ``reason`` and ``shadow``.
    """

    def __init__(self, family: Counter) -> None: ...
    def __call__(self, call: Call) -> None:
        """Counts the call's rejection, and those that shadow let pass."""
