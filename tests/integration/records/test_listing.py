"""Lists and counts of records, on each database."""

import pytest

from blrcs.domain.order_by import MAX_TERMS
from blrcs.v1 import record_pb2
from tests.integration.records.world import ORDERS, SECOND_NS, TENANT, data_of, seconds
from tests.unit.api.refusals import refusal

CITIES = ["Bonn", "Aachen", "Köln", "Bonn", "Essen"]


async def count(world, **fields):
    request = record_pb2.CountRecordsRequest(parent=ORDERS, **fields)
    return (await world.stub.CountRecords(request)).count


@pytest.fixture
async def filled(world):
    for number, city in enumerate(CITIES):
        data = {"city": city, "n": number, "tags": ["t", city]}
        await world.create(f"r{number}", data)
    return world


def page_of(world, **fields):
    return world.stub.ListRecords(record_pb2.ListRecordsRequest(parent=ORDERS, **fields))


async def test_lists_are_filtered_ordered_and_counted(filled):
    assert await filled.listed() == ["r0", "r1", "r2", "r3", "r4"]
    assert await filled.listed(filter='data.city = "Bonn"') == ["r0", "r3"]
    assert await filled.listed(filter="data.n >= 1 AND NOT data.n > 3") == ["r1", "r2", "r3"]
    assert await filled.listed(order_by="data.city desc, data.n") == ["r2", "r4", "r0", "r3", "r1"]
    assert await count(filled) == 5
    assert await count(filled, filter="data.tags:Bonn") == 2
    assert await count(filled, filter="data.none = 1") == 0


@pytest.mark.parametrize("order_by", ["", "data.city", "data.city desc", "create_time desc"])
@pytest.mark.parametrize("page_size", [1, 2, 5])
async def test_pages_have_all_records_once(filled, order_by, page_size):
    whole = await filled.listed(order_by=order_by)
    assert len(whole) == 5
    assert await filled.listed(order_by=order_by, page_size=page_size) == whole


async def test_what_is_written_between_pages_moves_no_other_record(filled):
    page = await page_of(filled, page_size=2)
    await filled.create("r00")
    await filled.delete("r1")
    rest = await page_of(filled, page_token=page.next_page_token)
    assert [each.name[-2:] for each in rest.records] == ["r2", "r3", "r4"]


@pytest.mark.parametrize("character", ["\U0001f600", "\x01"])
async def test_a_page_token_is_taken_back_whatever_it_holds(world, character):
    keys = [f"k{number}" for number in range(MAX_TERMS)]
    for record_id in ("a", "b", "c"):
        await world.create(record_id, dict.fromkeys(keys, character * 200))
    order_by = ", ".join(f"data.{key}" for key in keys)
    assert await world.listed(order_by=order_by, page_size=1) == ["a", "b", "c"]


async def test_a_page_token_belongs_to_its_query(filled):
    token = (await page_of(filled, page_size=2, filter="data.n < 9")).next_page_token
    same = await page_of(filled, page_token=token, filter="data.n<9")
    assert len(same.records) == 3
    for fields in (
        {},
        {"filter": "data.n < 8"},
        {"filter": "data.n < 9", "order_by": "data.n"},
    ):
        refused = await refusal(page_of(filled, page_token=token, **fields))
        assert refused == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
    await filled.collection("other")
    request = record_pb2.ListRecordsRequest(
        parent=f"{TENANT}/collections/other", page_token=token, filter="data.n < 9"
    )
    assert (await refusal(filled.stub.ListRecords(request)))[1] == "PAGE_TOKEN_INVALID"


async def test_a_page_token_is_not_that_of_a_namesake_that_was_made_later(filled):
    token = (await page_of(filled, page_size=2)).next_page_token
    await filled.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=ORDERS, force=True))
    await filled.collection()
    refused = await refusal(page_of(filled, page_token=token))
    assert refused == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")


async def test_a_read_mask_holds_for_lists(filled):
    page = await page_of(filled, read_mask={"paths": ["data.city"]})
    assert [data_of(each) for each in page.records] == [{"city": city} for city in CITIES]
    assert not any(each.etag for each in page.records)


async def test_a_page_of_large_records_is_a_short_one(world):
    for number in range(5):
        await world.create(f"r{number}", {"x": "y" * 900_000})
    page = await page_of(world, page_size=5)
    assert len(page.records) == 3
    assert page.ByteSize() < 4 << 20
    assert len(await world.listed(page_size=5)) == 5


async def test_a_page_may_be_larger_than_what_is_read_at_once(world):
    creations = [{"create": {"parent": ORDERS, "record_id": f"r{n:03}"}} for n in range(250)]
    for each in creations:
        each["create"]["record"] = record_pb2.Record(data={})
    await world.batch(*[record_pb2.RecordWrite(**each) for each in creations])
    page = await page_of(world, page_size=201)
    assert [each.name[-4:] for each in page.records] == [f"r{n:03}" for n in range(201)]
    assert page.next_page_token
    page = await page_of(world, page_size=250)
    assert len(page.records) == 250
    assert not page.next_page_token


async def test_what_has_expired_is_not_listed_nor_counted(filled, clock):
    await filled.create("short", {"n": 9}, ttl=seconds(5))
    assert await count(filled) == 6
    clock.advance(6 * SECOND_NS)
    assert await count(filled) == 5
    assert "short" not in await filled.listed()


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": "data.n >"},
        {"filter": "nothing = 1"},
        {"order_by": "nothing"},
        {"order_by": "data.n sideways"},
        {"page_size": 1001},
        {"page_size": -1},
        {"page_token": "AAAA"},
        {"read_mask": {"paths": ["secret"]}},
    ],
)
async def test_what_makes_no_sense_is_refused(world, fields):
    assert (await refusal(page_of(world, **fields)))[0] == "INVALID_ARGUMENT"


async def test_there_is_nothing_to_list_without_a_collection(world):
    parent = f"{TENANT}/collections/none"
    calls = (
        world.stub.ListRecords(record_pb2.ListRecordsRequest(parent=parent)),
        world.stub.CountRecords(record_pb2.CountRecordsRequest(parent=parent)),
    )
    for call in calls:
        assert (await refusal(call))[0] == "NOT_FOUND"
