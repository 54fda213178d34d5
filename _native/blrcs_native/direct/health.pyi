"""grpc.health.v1.Health/Check, answered in one step."""

from collections.abc import Iterable
from typing import final

from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard

@final
class DirectHealthCheck(DirectHandler):
    """Answers Check; guards may read ``service``.

    ``statuses`` are the numbers of ``HealthCheckResponse.ServingStatus`` by service; the dict is
    the owner's own, who goes on changing it. ``unknown`` is the rejection for any other service.
    """

    def __init__(
        self, statuses: dict[str, int], unknown: Rejection, guards: Iterable[Guard] = ()
    ) -> None: ...
