"""A server whose database ends and comes back: it says so at once, and goes on by itself."""

import re

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.v1 import user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server
from tests.e2e.workers import FIRST_PASSWORD, TIMEOUT_S, administrator, until
from tests.servers.postgresql import PostgresqlServer

DATABASE = "circuits"
OPENED = "a dependency does not answer, and is not asked"
CLOSED = "a dependency answers again"


@pytest.fixture
def server(start: Start, postgresql_server: PostgresqlServer) -> Server:
    postgresql_server.create_database(DATABASE)
    return start(
        BLRCS_DATABASE__URL=postgresql_server.url(DATABASE),
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_OVERLOAD__BREAKER_OPEN="200ms",
    )


def circuit(server: Server) -> float:
    """How ``/metrics`` says that the circuit to the database stands."""
    pattern = r'^blrcs_circuit_state\{dependency="database/primary"\} (\S+)$'
    (value,) = re.findall(pattern, server.metrics(), re.MULTILINE)
    return float(value)


def reason_of(error: grpc.Call) -> str:
    """Google.rpc.ErrorInfo's reason, of an error that says when to come again."""
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    details = status_pb2.Status.FromString(packed).details
    assert details[0].Unpack(info)
    if info.reason == "DEPENDENCY_UNAVAILABLE":
        assert details[1].Unpack(retry)
        assert retry.retry_delay.ToMilliseconds() > 0
    return info.reason


def test_calls_fail_at_once_while_the_database_is_away(
    server: Server, postgresql_server: PostgresqlServer
) -> None:
    with grpc.insecure_channel(server.address) as channel:
        admin = administrator([channel, channel])
        users = user_pb2_grpc.UserServiceStub(channel)

        def answer() -> str:
            request = user_pb2.GetUserRequest(name="users/admin")
            call = users.GetUser.future(request, metadata=admin, timeout=TIMEOUT_S)
            if call.code() is grpc.StatusCode.OK:
                return "OK"
            assert call.code() is grpc.StatusCode.UNAVAILABLE
            assert str(postgresql_server.port) not in call.details()
            return reason_of(call)

        assert (answer(), circuit(server)) == ("OK", 0)
        postgresql_server.stop()
        try:
            until(lambda: answer() == "DEPENDENCY_UNAVAILABLE")
            assert circuit(server) > 0
            health = health_pb2_grpc.HealthStub(channel)
            reply = health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        finally:
            postgresql_server.start()
        until(lambda: answer() == "OK" and circuit(server) == 0)
    until(lambda: CLOSED in server.stderr)
    assert (server.stderr.count(OPENED), server.stderr.count(CLOSED)) == (1, 1)
