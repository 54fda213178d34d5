"""grpc.health.v1.Health: Check, Watch and List, overall and for each service."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.api.health_messages import HealthListRequest, HealthListResponse
from blrcs.domain.errors import NotFoundError
from blrcs_native.calls.call import Call

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
OVERALL = ""
SERVICE = "grpc.health.v1.Health"


class HealthState:
    """What the server says of itself, as numbers of ``HealthCheckResponse.ServingStatus``.

    NOT_SERVING at first. Not safe across threads: it belongs to the event loop.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._statuses: dict[str, int] = dict.fromkeys((OVERALL, *services), NOT_SERVING)
        self._changed = asyncio.Event()
        self._finished = False

    @property
    def statuses(self) -> dict[str, int]:
        """The status of each service, by the empty name that of the server as a whole.

        Always the same dict, and to be read only.
        """
        return self._statuses

    def set_all(self, status: int) -> None:
        """Gives the server and all its services one status."""
        self._statuses.update(dict.fromkeys(self._statuses, status))
        self._notify()

    def set(self, service: str, status: int) -> None:
        """Gives one service a status."""
        self._statuses[service] = status
        self._notify()

    def finish(self, *, serving: bool = False) -> None:
        """Nothing changes any more, so that the streams of watchers end.

        Otherwise they would keep a server that drains from ending. They are told NOT_SERVING, but
        where others go on ``serving``.
        """
        self._finished = True
        if serving:
            self._notify()
        else:
            self.set_all(NOT_SERVING)

    async def changes(self, service: str) -> AsyncIterator[int]:
        """The service's status now and whenever it changes; SERVICE_UNKNOWN while it has none.

        Whoever takes them slowly gets the latest, not each one between.
        """
        last: int | None = None
        while True:
            changed = self._changed
            status = self._statuses.get(service, SERVICE_UNKNOWN)
            if status != last:
                yield status
                last = status
            elif self._finished:
                return
            else:
                await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """The servicer; see grpc/grpc's doc/health-checking.md."""

    def __init__(self, state: HealthState) -> None:
        self._state = state

    async def Check(
        self, request: health_pb2.HealthCheckRequest, call: Call
    ) -> health_pb2.HealthCheckResponse:
        """NOT_FOUND for a service that is not registered."""
        status = self._state.statuses.get(request.service)
        if status is None:
            raise unknown_service()
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, call: Call
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Stays open whatever the service, and tells of changes."""
        async for status in self._state.changes(request.service):
            yield health_pb2.HealthCheckResponse(status=status)

    async def List(self, request: Any, call: Call) -> Any:
        """Every service with its status."""
        return HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._state.statuses.items()
            }
        )


def unknown_service() -> NotFoundError:
    """The service is not registered. Anyone may ask: a name of any length must not come back."""
    return NotFoundError("the service", reason="SERVICE_UNKNOWN")


def add_health_to_server(servicer: health_pb2_grpc.HealthServicer, server: Any) -> None:
    """Registers the service with a server, List included."""
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    listing = grpc.unary_unary_rpc_method_handler(
        getattr(servicer, "List", None),
        request_deserializer=HealthListRequest.FromString,
        response_serializer=HealthListResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"List": listing})
