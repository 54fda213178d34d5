"""What ``/metrics`` says of the pools of all workers."""

import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server
from tests.e2e.workers import administrator, channels_to_all, code, start_two_workers, until
from tests.servers.postgresql import PostgresqlServer

DATABASE = "pool_metrics"
CALLS = 4


@pytest.fixture
def server(start: Start, tmp_path: Path, postgresql_server: PostgresqlServer) -> Server:
    """Two workers whose pools have one connection each."""
    postgresql_server.create_database(DATABASE)
    return start_two_workers(
        start,
        tmp_path,
        BLRCS_DATABASE__URL=postgresql_server.url(DATABASE),
        BLRCS_DATABASE__POOL_SIZE="1",
        BLRCS_DATABASE__POOL_OVERFLOW="0",
        BLRCS_DATABASE__POOL_TIMEOUT="100ms",
    )


def figures(server: Server) -> dict[str, float]:
    """The samples of pools, by what they are and the one label that tells them apart."""
    text = server.metrics()
    samples = re.findall(r"^blrcs_database_pool_(\w+)\{(\S+)\} (\S+)$", text, re.MULTILINE)
    found = {}
    for name, labels, value in samples:
        texts = re.findall(r'"([^"]+)"', labels)
        assert "primary" in texts
        found[" ".join([name, *(text for text in texts if text != "primary")])] = float(value)
    return found


def test_pools_of_all_workers_are_told(server: Server, postgresql_server: PostgresqlServer) -> None:
    with channels_to_all(server, 2) as channels:
        admin = administrator(list(channels.values()))
        until(lambda: figures(server)["connections idle"] == 2)
        before = figures(server)
        assert before["opened_total size"] >= 2

        def get(channel: grpc.Channel) -> grpc.StatusCode:
            request = user_pb2.GetUserRequest(name="users/admin")
            stub = user_pb2_grpc.UserServiceStub(channel)
            return code(lambda: stub.GetUser(request, metadata=admin))

        with ThreadPoolExecutor(2 * CALLS) as callers:
            with postgresql_server.locked(DATABASE, "users"):
                calls = [
                    callers.submit(get, channel)
                    for channel in channels.values()
                    for _ in range(CALLS)
                ]
                refused = list(islice(as_completed(calls), 2 * (CALLS - 1)))
                during = figures(server)
                assert during["connections in_use"] == 2
                assert during["connections idle"] == 0
            codes = [call.result() for call in calls]
        assert {call.result() for call in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert codes.count(grpc.StatusCode.OK) == 2
        after = figures(server)
        # What the server does for itself waits for a connection, too.
        assert after["timeouts_total"] - before["timeouts_total"] >= len(refused)
        assert after["wait_seconds_count"] - before["wait_seconds_count"] >= len(refused)
        assert after["wait_seconds_sum"] > before["wait_seconds_sum"]
        until(lambda: figures(server)["connections idle"] == 2)
        until(lambda: figures(server)["waiting"] == 0)
