"""What is counted of abusive peers."""

from collections.abc import Mapping
from typing import Final, final

from blrcs_native.monitoring.metrics import Counter

ABUSES: Final[tuple[str, ...]]
"""The kinds, in the order of their counters."""

@final
class AbuseCounters:
    """How often each kind of abuse was met, in all connections of a server.

    Args:
        counter: A family with the label ``kind`` that counts along; None for none.
    """

    def __init__(self, counter: Counter | None = None) -> None: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
