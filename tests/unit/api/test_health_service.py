import asyncio

import pytest
from grpc.aio import AioRpcError
from grpc_health.v1 import health_pb2, health_pb2_grpc

from blrcs.api.health_messages import HealthListRequest, HealthListResponse
from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.testing import Host
from tests.unit.api.refusals import code_and_reason

Status = health_pb2.HealthCheckResponse
SERVING, NOT_SERVING = Status.SERVING, Status.NOT_SERVING


@pytest.fixture
def state():
    return HealthState(["a.A", "b.B"])


@pytest.fixture
def channel(state):
    return Host(lambda server: add_health_to_server(HealthService(state), server)).channel()


@pytest.fixture
def stub(channel):
    return health_pb2_grpc.HealthStub(channel)


def asked(service=""):
    return health_pb2.HealthCheckRequest(service=service)


async def test_nothing_is_serving_at_first_and_nobody_needs_a_token_to_know(stub):
    for service in ("", "a.A", "b.B"):
        assert (await stub.Check(asked(service))).status == NOT_SERVING


async def test_the_server_and_its_services_have_statuses_of_their_own(stub, state):
    state.set_all(SERVING)
    state.set("a.A", NOT_SERVING)
    statuses = [(await stub.Check(asked(service))).status for service in ("", "a.A", "b.B")]
    assert statuses == [SERVING, NOT_SERVING, SERVING]


async def test_checking_an_unknown_service_is_not_found_and_its_name_does_not_come_back(stub):
    with pytest.raises(AioRpcError) as refused:
        await stub.Check(asked("x" * 100_000))
    assert code_and_reason(refused.value) == ("NOT_FOUND", "SERVICE_UNKNOWN")
    assert "xxx" not in repr(refused.value)


async def test_the_list_has_all_services(channel, state):
    state.set("a.A", SERVING)
    call = channel.unary_unary(
        "/grpc.health.v1.Health/List",
        request_serializer=HealthListRequest.SerializeToString,
        response_deserializer=HealthListResponse.FromString,
    )
    listed = (await call(HealthListRequest())).statuses
    assert {name: each.status for name, each in listed.items()} == {
        "": NOT_SERVING,
        "a.A": SERVING,
        "b.B": NOT_SERVING,
    }


async def test_a_watch_tells_the_status_now_and_each_change_once(stub, state):
    watch = aiter(stub.Watch(asked("a.A")))
    assert (await anext(watch)).status == NOT_SERVING
    following = asyncio.ensure_future(anext(watch))
    state.set("b.B", SERVING)
    state.set("a.A", NOT_SERVING)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not following.done(), "nothing has changed for it"
    state.set_all(SERVING)
    assert (await following).status == SERVING
    await watch.aclose()


async def test_a_watch_of_an_unknown_service_stays_open_until_it_is_known(stub, state):
    watch = aiter(stub.Watch(asked("late.L")))
    assert (await anext(watch)).status == Status.SERVICE_UNKNOWN
    state.set("late.L", SERVING)
    assert (await anext(watch)).status == SERVING
    await watch.aclose()


async def test_changes_that_come_while_a_watcher_is_away_are_told_as_the_last_one(state):
    changes = state.changes("")
    assert await anext(changes) == NOT_SERVING
    state.set_all(SERVING)
    state.set_all(NOT_SERVING)
    state.set_all(SERVING)
    assert await anext(changes) == SERVING
    await changes.aclose()


@pytest.mark.parametrize(("serving", "last"), [(True, []), (False, [NOT_SERVING])])
async def test_the_streams_of_watchers_end_with_the_process(stub, state, serving, last):
    """Where another serves in its place nobody is told that the server does not."""
    state.set_all(SERVING)
    told = aiter(stub.Watch(asked()))
    assert (await anext(told)).status == SERVING
    state.finish(serving=serving)
    assert [reply.status async for reply in told] == last
    assert (await stub.Check(asked())).status == (SERVING if serving else NOT_SERVING)
