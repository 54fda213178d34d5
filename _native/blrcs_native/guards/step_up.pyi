"""The guard that demands a better, or a fresher, proof of who calls."""

from collections.abc import Callable, Collection
from typing import final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard

@final
class StepUpGuard(Guard):
    """Rejects a principal whose token does not say that it was authenticated so (RFC 9470).

    ``acr_values``, where there are any, are the values of the claim ``acr`` that will do;
    ``max_age_ns``, where it is given, is the greatest age that ``auth_time`` may have, in whole
    seconds. A token without the claim asked for is rejected. ``clock`` gives nanoseconds since the
    Unix epoch, by default the system's.

    Raises:
        ValueError: Neither is given.
    """

    def __init__(
        self,
        rejection: Rejection,
        *,
        acr_values: Collection[str] = (),
        max_age_ns: int | None = None,
        clock: Callable[[], int] | None = None,
        shadow: bool = False,
    ) -> None: ...
