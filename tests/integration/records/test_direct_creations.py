"""Creations that are read of their octets and answered in groups, over the native transport."""

import asyncio
import dataclasses
from contextlib import asynccontextmanager
from types import SimpleNamespace

import grpc
import pytest

from blrcs.application.collections.build_indexes import OUTLIVED_AFTER_NS
from blrcs.domain.record_name import collection_key_in
from blrcs.v1 import record_pb2
from tests.integration.records.direct_channel import bearer, direct_channel
from tests.integration.records.reindexed import Builder
from tests.integration.records.test_watching import CREATED, Watch, told
from tests.integration.records.world import ORDERS, creation, data_of, name_of, seconds
from tests.unit.api.refusals import refusal

# Where the database is shared, each creation is by itself: the call's writes are its own to tell.
pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

EDITOR, READER = "users/eve", "users/rob"
DATA = {"city": "Zürich", "lines": [{"count": 2.0, "sku": "x\n"}], "open": True, "note": None}


class Direct:
    """A world's service behind its direct handlers.

    ``settled`` has, for each creation that took the direct road, whether it was answered there, and
    ``sizes_bytes`` how large each group was.
    """

    def __init__(self, world, channel):
        self.world = world
        self.create = channel.unary_unary(
            "/blrcs.v1.RecordService/CreateRecord",
            request_serializer=record_pb2.CreateRecordRequest.SerializeToString,
            response_deserializer=record_pb2.Record.FromString,
        )
        self.settled = []
        self.sizes_bytes = []

    async def __call__(self, request, principal=EDITOR):
        return await self.create(request, metadata=bearer(self.world, principal), timeout=60)


@asynccontextmanager
async def opened(world):
    create = world.records.create_together
    settled: list[bool] = []
    sizes_bytes: list[int] = []

    async def noted(key, ids, *columns):
        images = await create.all_but_taken(key, ids, *columns)
        settled.extend([each is not None for each in images or [None] * len(ids)])
        sizes_bytes.append(sum(map(len, columns[-1])))
        return images

    world.host.channel(EDITOR, {"blrcs.records.create": "tenants"})
    world.host.channel(READER, {"blrcs.records.create": f"{ORDERS}x"})
    together = SimpleNamespace(key_of=create.key_of, all_but_taken=noted)
    records = dataclasses.replace(world.records, create_together=together)
    async with direct_channel(world, records) as channel:
        direct = Direct(world, channel)
        direct.settled, direct.sizes_bytes = settled, sizes_bytes
        yield direct


@pytest.fixture
async def direct(world):
    async with opened(world) as direct:
        await direct(creation("known"))
        direct.settled.clear()
        yield direct


async def test_one_that_is_ended_before_it_begins_is_told_so(world, direct, monkeypatch):
    class Ended(asyncio.Task):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.cancel()

    with monkeypatch.context() as patch:
        patch.setattr("blrcs_native.direct.creation.Task", Ended)
        with pytest.raises(grpc.RpcError) as raised:
            await direct(creation("a"))
    assert raised.value.code() is grpc.StatusCode.CANCELLED
    assert await direct(creation("a")) == await world.get("a")


async def test_records_are_those_that_python_makes(world, direct):
    made, other = await asyncio.gather(direct(creation("a", DATA)), direct(creation("", {"n": 1})))
    expected = await world.create("b", DATA)

    assert direct.settled == [True, True]
    assert made == await world.get("a")
    assert other == await world.get(other.name.rpartition("/")[2])
    assert (made.name, data_of(made)) == (name_of("a"), DATA)
    assert made.data == expected.data
    assert made.etag == f"{made.create_time.ToNanoseconds():x}-1"
    assert await world.listed(filter='data.city = "Zürich"') == ["a", "b"]


async def test_each_is_there_and_told_once(world, direct):
    watch = await Watch.begin(world)
    ids = [f"r{number:03}" for number in range(150)]
    made = await asyncio.gather(*[direct(creation(each, {"id": each})) for each in ids])

    assert direct.settled == [True] * 150
    assert [data_of(each) for each in made] == [{"id": each} for each in ids]
    events = await watch.take(150)
    assert sorted(told(events)) == [(CREATED, each) for each in ids]
    assert [each.sequence for each in events] == list(range(2, 152))
    assert await world.listed(page_size=1000) == ["known", *ids]
    await watch.end()


async def test_one_that_is_there_is_refused_and_no_other(world, direct):
    calls = [direct(creation(each, {"n": n})) for n, each in enumerate(["a", "known", "b", "a"])]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    refused = [each for each in outcomes if isinstance(each, grpc.RpcError)]
    assert [each.code() for each in refused] == [grpc.StatusCode.ALREADY_EXISTS] * 2
    assert isinstance(outcomes[1], grpc.RpcError)
    assert not isinstance(outcomes[2], grpc.RpcError)
    assert await world.listed() == ["a", "b", "known"]
    assert data_of(await world.get("known")) == {}


async def test_those_that_are_there_leave_the_others_in_their_group(world, direct):
    await world.create("held", {"n": -1})
    watch = await Watch.begin(world)
    ids = ["known", "held", *[f"r{number:03}" for number in range(100)], ""]
    calls = [direct(creation(each, {"id": each})) for each in ids]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert sorted(direct.settled) == [False] * 2 + [True] * 101
    assert [each.code() for each in outcomes[:2]] == [grpc.StatusCode.ALREADY_EXISTS] * 2
    assert [data_of(each) for each in outcomes[2:]] == [{"id": each} for each in ids[2:]]
    made = [each.name.rpartition("/")[2] for each in outcomes[2:]]
    events = await watch.take(101)
    assert sorted(told(events)) == sorted((CREATED, each) for each in made)
    assert await world.listed(page_size=1000) == sorted(["held", "known", *made])
    assert data_of(await world.get("held")) == {"n": -1}
    await watch.end()


async def test_on_the_road_through_python_they_leave_the_others_as_well(world, direct):
    create = world.records.service._records.create_plain_record
    key = collection_key_in(ORDERS)
    known, *others = await asyncio.gather(
        *[create(key, each, "{}", b"") for each in ("known", "a", "", "b")]
    )
    assert known is None
    assert [record_pb2.Record.FromString(each).name for each in others[::2]] == [
        name_of("a"),
        name_of("b"),
    ]
    assert len(await world.listed()) == 4


async def test_one_that_has_expired_gives_way(world, direct, clock):
    await world.create("old", {"n": 0}, ttl=seconds(1))
    clock.advance(5_000_000_000)
    assert data_of(await direct(creation("old", {"n": 1}))) == {"n": 1}


async def test_who_may_not_is_refused_before_anything_is_looked_up(direct):
    for request in (creation("a", DATA), creation("a", parent="tenants/acme/collections/none")):
        assert (await refusal(direct(request, READER)))[0] == "PERMISSION_DENIED"
    assert direct.settled == []


@pytest.mark.parametrize(
    "fields",
    [
        {"json_schema": '{"required": ["total"]}'},
        {"indexes": [record_pb2.RecordIndex(path="n")]},
        {"encrypted_fields": ["city"]},
        {"secret_fields": ["city"]},
    ],
)
async def test_a_collection_that_asks_for_more_is_left_to_python(world, direct, fields):
    parent = (await world.collection("more", **fields)).name
    for number in range(2):
        request = creation(f"r{number}", {"total": 1, "city": "Bonn"}, parent)
        made = await direct(request)
        assert made.name == f"{parent}/records/r{number}"
    assert "city" not in data_of(made) or "secret_fields" not in fields
    assert direct.settled == []


async def test_there_is_no_record_without_its_collection(direct):
    request = creation("a", parent="tenants/acme/collections/none")
    assert (await refusal(direct(request)))[0] == "NOT_FOUND"


async def test_a_schema_that_came_since_is_held_to(world, direct):
    changed = record_pb2.UpdateCollectionRequest(
        collection=record_pb2.Collection(name=ORDERS, json_schema='{"required": ["m"]}'),
        update_mask={"paths": ["json_schema"]},
    )
    await world.stub.UpdateCollection(changed)
    outcomes = await asyncio.gather(
        direct(creation("a", {"n": 1})), direct(creation("b", {"m": 1})), return_exceptions=True
    )
    assert isinstance(outcomes[0], grpc.RpcError)
    assert outcomes[0].code() is grpc.StatusCode.INVALID_ARGUMENT
    assert data_of(outcomes[1]) == {"m": 1}
    assert await world.listed() == ["b", "known"]


async def test_an_index_that_came_since_is_kept_up_until_it_is_dropped(world, direct):
    async def declare(*paths):
        collection = record_pb2.Collection(
            name=ORDERS, indexes=[record_pb2.RecordIndex(path=path) for path in paths]
        )
        await world.stub.UpdateCollection(
            record_pb2.UpdateCollectionRequest(
                collection=collection, update_mask={"paths": ["indexes"]}
            )
        )

    await declare("n")
    await asyncio.gather(*(direct(creation(each, {"n": 1})) for each in "ab"))
    builder = Builder(world)
    await builder.run()
    await direct(creation("c", {"n": 1}))
    assert True not in direct.settled
    assert await world.listed(filter="data.n = 1") == ["a", "b", "c"]

    await declare()
    await builder.run()
    await direct(creation("d", {"n": 1}))
    assert True not in direct.settled
    builder.clock.advance(OUTLIVED_AFTER_NS)
    await builder.run()
    await direct(creation("e", {"n": 1}))
    await direct(creation("f", {"n": 1}))
    assert direct.settled[-1] is True
    assert await world.listed(filter="data.n = 1") == ["a", "b", "c", "d", "e", "f"]


async def test_they_expire_when_the_collection_says(world, direct, clock):
    parent = (await world.collection("short", default_ttl=seconds(60))).name
    await direct(creation("known", parent=parent))
    made = await direct(creation("a", DATA, parent))
    assert direct.settled[-1] is True
    left_ns = made.expire_time.ToNanoseconds() - made.create_time.ToNanoseconds()
    assert left_ns == 60_000_000_000


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (creation("-a"), "INVALID_ARGUMENT"),
        (creation("a", parent="tenants/Acme/collections/orders"), "INVALID_ARGUMENT"),
        (record_pb2.CreateRecordRequest(parent=ORDERS, record_id="a"), "INVALID_ARGUMENT"),
        (creation("a", {"x": float("nan")}), "INVALID_ARGUMENT"),
    ],
)
async def test_what_breaks_a_rule_is_refused_as_ever(world, direct, request_, reason):
    refused = await refusal(direct(request_))
    with pytest.raises(grpc.RpcError) as expected:
        await world.stub.CreateRecord(request_)
    assert refused[0] == reason == expected.value.code().name
    assert direct.settled == []


async def test_large_ones_do_not_go_together(direct):
    large = {"text": "x" * 12_000}
    await asyncio.gather(*[direct(creation(f"r{number}", large)) for number in range(180)])
    assert direct.settled == [True] * 180
    assert max(direct.sizes_bytes) < 1 << 20


async def test_who_gives_up_leaves_the_others_alone(world, direct):
    calls = [asyncio.ensure_future(direct(creation(f"r{n}", {"n": n}))) for n in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [data_of(each) for each in outcomes[1::2]] == [{"n": n} for n in range(1, 20, 2)]
    listed = set(await world.listed())
    assert {f"r{n}" for n in range(1, 20, 2)} <= listed


async def test_what_fails_once_they_are_there_creates_none_again(world, direct, clock, monkeypatch):
    def tell(*_):
        raise RuntimeError("not told")

    failures = []
    monkeypatch.setattr(world.records.signal, "tell", tell)
    asyncio.get_running_loop().set_exception_handler(lambda _, each: failures.append(each))
    made = await asyncio.gather(direct(creation("", DATA)), direct(creation("", DATA)))
    clock.advance(5_000_000_000)  # for other ids
    create = world.records.service._records.create_plain_record
    images = await asyncio.gather(
        *[create(collection_key_in(ORDERS), "", "{}", b"") for _ in range(2)]
    )
    made += map(record_pb2.Record.FromString, images)

    ids = [each.name.rpartition("/")[2] for each in made]
    assert await world.listed() == sorted(["known", *ids])
    assert {str(each["exception"]) for each in failures} == {"not told"}
