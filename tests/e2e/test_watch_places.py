"""However many watch, calls are served."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.v1 import cache_pb2, cache_pb2_grpc, record_pb2, record_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.gate import PASS, REGISTER, open_gate, write_gate
from tests.e2e.workers import (
    FIRST_PASSWORD,
    OPTIONS,
    TIMEOUT_S,
    administrator,
    code,
    pass_gate,
    ping,
    until,
)
from tests.transports import TRANSPORTS

CALLS = 8
OWN_WATCHES = 3


@pytest.fixture
def connect(start: Start) -> Iterator[Callable[[], grpc.Channel]]:
    """Opens connections: one has room for a fourth of the calls."""
    server = start(
        BLRCS_AUTH__INITIAL_ADMIN_PASSWORD=FIRST_PASSWORD,
        BLRCS_SERVER__MAX_CONCURRENT_CALLS=str(CALLS),
        BLRCS_OVERLOAD__MAX_WATCHES_PER_PRINCIPAL=str(OWN_WATCHES),
    )
    with ExitStack() as stack:
        yield lambda: stack.enter_context(grpc.insecure_channel(server.address, OPTIONS))


def test_watches_take_no_more_than_half_and_those_of_one_caller_no_more_than_its_own(
    connect: Callable[[], grpc.Channel],
) -> None:
    channel = connect()
    admin = administrator([channel, channel])
    record_pb2_grpc.RecordServiceStub(channel).CreateCollection(
        record_pb2.CreateCollectionRequest(
            parent="tenants/acme", collection_id="orders", collection={}
        ),
        metadata=admin,
    )

    def watch_records() -> Any:
        return record_pb2_grpc.RecordServiceStub(connect()).WatchRecords(
            record_pb2.WatchRecordsRequest(parent="tenants/acme/collections/orders"),
            metadata=admin,
            timeout=TIMEOUT_S,
        )

    def watch_cache() -> Any:
        request = cache_pb2.WatchRequest(namespace="n")
        caches = cache_pb2_grpc.CacheServiceStub(connect())
        return caches.Watch(request, metadata=admin, timeout=TIMEOUT_S)

    def watch_health() -> Any:
        stub = health_pb2_grpc.HealthStub(connect())
        return stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)

    def refused(watch: Callable[[], Any]) -> bool:
        return code(lambda: next(watch())) is grpc.StatusCode.RESOURCE_EXHAUSTED

    own = [watch_records() for _ in range(OWN_WATCHES)]
    for each in own:
        next(each)
    assert refused(watch_records)
    assert refused(watch_cache)
    # Without a token it is another caller, and takes the last of the half.
    others = [watch_health() for _ in range(CALLS // 2 - OWN_WATCHES)]
    for each in others:
        next(each)
    assert refused(watch_health)

    users = user_pb2_grpc.UserServiceStub(channel)
    get = user_pb2.GetUserRequest(name="users/admin")
    calls = [users.GetUser.future(get, metadata=admin) for _ in range(CALLS // 4)]
    assert [each.result().name for each in calls] == ["users/admin"] * len(calls)

    own.pop().cancel()
    until(lambda: not refused(watch_records))
    for each in (*own, *others):
        each.cancel()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stream_of_a_service_of_ones_own_is_a_watch_where_its_policy_says_so(
    start: Start, tmp_path: Path, transport: str
) -> None:
    write_gate(tmp_path)
    server = start(
        "--service",
        REGISTER,
        BLRCS_SERVER__TRANSPORT=transport,
        BLRCS_OVERLOAD__MAX_WATCHES_PER_PRINCIPAL="1",
        BLRCS_POLICIES=json.dumps({PASS: {"watch": True}}),
    )
    with grpc.insecure_channel(server.address) as channel:
        first = pass_gate(channel)
        next(first)
        with pytest.raises(grpc.RpcError) as refused:
            next(pass_gate(channel))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "you have 1 watches already" in str(refused.value.details())
        assert ping(channel)[0] is grpc.StatusCode.OK
        open_gate(tmp_path)
        next(first)
        assert [*first] == []
        assert len([*pass_gate(channel)]) == 2
