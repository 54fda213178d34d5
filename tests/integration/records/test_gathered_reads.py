"""What queries that read records of several callers meet on their way."""

import asyncio

import grpc
import pytest

from tests.integration.records.direct_reads import DirectReads, outcome
from tests.integration.records.world import data_of

# Its locks hold up reads.
pytestmark = pytest.mark.parametrize("store", ["postgresql"], indirect=True)

DATA = {"city": "Bonn"}


@pytest.fixture
async def direct(world):
    async with DirectReads(world).opened() as direct:
        yield direct


@pytest.fixture
def server(postgresql_server):
    return postgresql_server


async def until(condition):
    while not condition():  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


async def blocked(server):
    """Returns when the server holds up a query."""
    await until(lambda: server.reading("services", "records"))


async def test_who_leaves_takes_no_other_along(world, direct, server):
    await world.create("a", DATA)
    with server.locked("services", "records"):
        first = direct("a")
        second = asyncio.ensure_future(outcome(direct("a")))
        late = outcome(direct("a", timeout=1))
        await blocked(server)
        first.cancel()
        assert (await late)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    assert data_of(await second) == DATA
    assert direct.queries == [["acme/orders/a"]]


async def test_the_last_one_that_leaves_ends_the_query(world, direct, server):
    await world.create("a", DATA)
    with server.locked("services", "records"):
        calls = [direct("a") for _ in range(3)]
        await blocked(server)
        for call in calls:
            call.cancel()
        await until(lambda: not server.reading("services", "records"))
        await until(lambda: not direct.database.connections_in_use)
        # Others are not held up by what is left of it.
        again = asyncio.ensure_future(outcome(direct("a")))
        await blocked(server)
    assert data_of(await again) == DATA


async def test_a_connection_that_is_lost_is_told_to_all(world, direct, server):
    await world.create("a", DATA)
    with server.locked("services", "records"):
        calls = [asyncio.ensure_future(outcome(direct(each))) for each in ("a", "none")]
        await until(lambda: _end_busy(direct, server) or all(each.done() for each in calls))
        codes = [(await each)[0] for each in calls]
    assert codes == [grpc.StatusCode.UNAVAILABLE] * 2
    assert data_of(await direct("a")) == DATA


def _end_busy(direct, server):
    pool = direct.database._pool
    for busy in pool._open - set(pool._idle):
        server.terminate(busy.get_server_pid())
