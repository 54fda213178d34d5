"""The service behind its real policies, with a database and without a network."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from inventory.service import register
from inventory.tables import SIGHTING
from inventory.v1 import inventory_pb2, inventory_pb2_grpc

from blrcs.resources import ServerResources
from blrcs.testing import Host, temporary_resources

ALL = {f"inventory.{verb}": "items" for verb in ("put", "get", "list", "take", "report")}
DAY_NS = 86_400 * 1_000_000_000


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_ns = 400 * DAY_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def resources(clock: Clock) -> AsyncIterator[ServerResources]:
    migrations = {"inventory": "inventory.migrations"}
    async with temporary_resources(migrations=migrations, clock=clock) as resources:
        yield resources


@pytest.fixture
async def host(resources: ServerResources) -> AsyncIterator[Host]:
    async with Host(register, resources) as host:
        yield host


@pytest.fixture
def stub(host: Host) -> inventory_pb2_grpc.InventoryServiceStub:
    return inventory_pb2_grpc.InventoryServiceStub(host.channel("users/alice", ALL))


async def put(stub: Any, sku: str, count: int = 10) -> None:
    item = inventory_pb2.Item(sku=sku, title=sku.upper(), count=count)
    await stub.PutItem(inventory_pb2.PutItemRequest(item=item))


def get(stub: Any, sku: str) -> Any:
    return stub.GetItem(inventory_pb2.GetItemRequest(sku=sku))


def take(stub: Any, sku: str, units: int) -> Any:
    return stub.TakeItem(inventory_pb2.TakeItemRequest(sku=sku, units=units))


def report(stub: Any, sku: str, shelf: str) -> Any:
    return stub.ReportSighting(inventory_pb2.ReportSightingRequest(sku=sku, shelf=shelf))


async def refusal(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


async def test_what_was_changed_is_seen_at_once(stub: Any) -> None:
    assert await refusal(get(stub, "tea")) is grpc.StatusCode.NOT_FOUND
    await put(stub, "tea", 10)
    assert (await get(stub, "tea")).count == 10
    await take(stub, "tea", 3)
    item = await get(stub, "tea")
    assert (item.title, item.count, item.shelf) == ("TEA", 7, "")


async def test_what_is_read_again_comes_from_the_cache(
    stub: Any, resources: ServerResources
) -> None:
    await put(stub, "tea")
    for _ in range(3):
        await get(stub, "tea")
    reads = dict(resources.strategy_metrics.reads.rows())
    assert reads["inventory.items", "miss"] == 1
    assert reads["inventory.items", "fresh"] == 2


async def test_units_are_taken_all_or_none(stub: Any, resources: ServerResources) -> None:
    await put(stub, "tea", 10)
    calls = [take(stub, "tea", 3) for _ in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each.code() for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert refused == [grpc.StatusCode.FAILED_PRECONDITION] * 2
    assert (await get(stub, "tea")).count == 1
    (taken,) = (each for each in resources.metrics if each.name == "inventory_taken_units_total")
    assert taken.rows() == [((), 9)]


async def test_items_are_listed_by_pages(stub: Any) -> None:
    for sku in ("c", "a", "e", "b", "d"):
        await put(stub, sku)
    found, token = [], ""
    while True:
        request = inventory_pb2.ListItemsRequest(page_size=2, page_token=token)
        page = await stub.ListItems(request)
        found.append("".join(item.sku for item in page.items))
        token = page.next_page_token
        if not token:
            break
    assert found == ["ab", "cd", "e"]


async def test_a_caller_sees_only_the_items_it_may(host: Host, stub: Any) -> None:
    await put(stub, "tea")
    bob = host.channel("users/bob", {"inventory.get": "items/cup"})
    assert (
        await refusal(get(inventory_pb2_grpc.InventoryServiceStub(bob), "tea"))
        is grpc.StatusCode.PERMISSION_DENIED
    )


async def test_a_sighting_is_seen_at_once_and_stored_at_the_end(
    resources: ServerResources,
) -> None:
    async with Host(register, resources) as host:
        stub = inventory_pb2_grpc.InventoryServiceStub(host.channel("users/alice", ALL))
        await put(stub, "tea")
        for shelf in ("A 7", "B 1"):
            await report(stub, "tea", shelf)
            assert (await get(stub, "tea")).shelf == shelf
    row = await resources.database.fetch_one(SIGHTING, of_sku="tea")
    assert row is not None
    assert row.shelf == "B 1"


async def test_old_sightings_are_forgotten(
    stub: Any, host: Host, clock: Clock, resources: ServerResources
) -> None:
    await put(stub, "tea")
    await report(stub, "tea", "A 7")
    stored = resources.strategy_metrics.applied.labels("inventory.sightings", "applied")
    async with asyncio.timeout(60):
        while not stored.value:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)
    for days, shelf in ((29, "A 7"), (2, "")):
        clock.now_ns += days * DAY_NS
        await host.do_repeated_work()
        assert (await get(stub, "tea")).shelf == shelf
