"""Indexes of a collection that has records, built and dropped beside the writes."""

import contextlib
from functools import partial

import pytest

from blrcs.application.collections.build_indexes import OUTLIVED_AFTER_NS
from blrcs.application.collections.indexed_reads import GOOD_FOR_NS
from blrcs.application.ports.records import CollectionChangedError
from blrcs.database.repositories import index_builds
from blrcs.database.repositories import record_index as indexing
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.domain.record_name import CollectionKey
from blrcs.v1 import record_pb2
from tests.integration.records.reindexed import (
    BUILDING,
    INDEXED,
    PATHS,
    PLAIN,
    READY,
    Builder,
    Twins,
    builds,
    declare,
    entries,
    expected_entries,
    feed,
    listed,
    shown,
)
from tests.integration.records.test_collections import update
from tests.integration.records.world import World, creation
from tests.unit.api.refusals import refusal

KEY = CollectionKey("acme", "indexed")
ALL_READY = dict.fromkeys(PATHS, READY)

pytestmark = pytest.mark.usefixtures("small_steps")


@pytest.fixture
def used(monkeypatch):
    """What lists went by."""
    found = []
    narrowing = indexing.Bounds.narrowing.fget

    def noted(bounds):
        found.append(bounds.shape)
        return narrowing(bounds)

    monkeypatch.setattr(indexing.Bounds, "narrowing", property(noted))
    return found


async def test_lists_are_right_before_an_index_is_there_while_it_is_built_and_after(world, used):
    twins = await Twins.made(world, 40)
    assert await declare(world, *PATHS) == dict.fromkeys(PATHS, BUILDING)

    async def between():
        await twins.write()
        if await shown(world) != ALL_READY:
            await twins.require_same()
            assert not used

    builder = Builder(world, between)
    await builder.run()

    assert builder.steps > 5
    assert await shown(world) == ALL_READY
    assert await entries(world) == await expected_entries(world, *PATHS)
    await twins.require_same()
    assert used
    assert await builds(world) == []
    for _ in range(10):
        await twins.write()
    await twins.require_same()
    assert await entries(world) == await expected_entries(world, *PATHS)


async def test_writes_keep_up_an_index_from_its_declaration_on_whoever_makes_them(
    world, store, clock
):
    await Twins.made(world, 3)
    async with World.open(store, clock) as other:
        # It knows the collection as one that asks for nothing.
        await other.create("known", {"n": 1}, parent=INDEXED)
        await other.batch(
            *(record_pb2.RecordWrite(create=creation(each, {"n": 1}, INDEXED)) for each in "ab"),
            parent=INDEXED,
        )
        await declare(world, "n")
        await other.create("c", {"n": 1}, parent=INDEXED)
        await other.batch(
            *(record_pb2.RecordWrite(create=creation(each, {"n": 1}, INDEXED)) for each in "de"),
            parent=INDEXED,
        )
        rows = await entries(world)
        assert [row.split("'")[1] for row in rows] == ["c", "d", "e"]

        await Builder(world).run()
        assert await entries(other) == await expected_entries(other, "n")
        assert await listed(other, INDEXED, filter="data.n = 1") == await listed(
            world, INDEXED, filter="data.n = 1"
        )


async def test_a_write_by_what_was_declared_before_is_not_carried_out(world):
    await Twins.made(world, 3)
    repository = world.records.service._records.get_record._records
    before = await SqlCollectionRepository(world.database).get(KEY)
    await declare(world, "n")
    with pytest.raises(CollectionChangedError):
        await repository.write(before, [], now_ns=world.clock())


async def test_an_index_that_is_declared_no_more_is_kept_up_for_those_who_read_by_it(world):
    twins = await Twins.made(world, 30)
    await declare(world, *PATHS)
    builder = Builder(world)
    await builder.run()
    before = await SqlCollectionRepository(world.database).get(KEY)

    assert await declare(world, "city") == {"city": READY}
    await builder.run()
    for _ in range(10):
        await twins.write()
    assert await entries(world) == await expected_entries(world, *PATHS)
    await twins.require_same()
    builder.clock.advance(OUTLIVED_AFTER_NS - 1)
    await builder.run()
    assert await entries(world) == await expected_entries(world, *PATHS)

    builder.clock.advance(1)
    builder._between = twins.write
    await builder.run()
    assert await entries(world) == await expected_entries(world, "city")
    assert await shown(world) == {"city": READY}
    assert await builds(world) == []
    await twins.require_same()
    assert before.maintained == PATHS


async def test_what_is_declared_again_in_time_is_whole_at_once(world):
    await Twins.made(world, 30)
    builder = Builder(world)
    await declare(world, "city", "n")
    await builder.run()
    await declare(world, "city")
    assert await declare(world, "`n`", "city") == {"n": READY, "city": READY}
    builder.clock.advance(2 * OUTLIVED_AFTER_NS)
    await builder.run()
    await builder.run()
    assert await entries(world) == await expected_entries(world, "city", "n")
    assert await builds(world) == []


async def test_what_is_declared_again_while_it_is_dropped_is_built_again(world):
    twins = await Twins.made(world, 30)
    await declare(world, "city", "n")
    builder = Builder(world)
    await builder.run()
    await declare(world)
    await builder.run()
    builder.clock.advance(OUTLIVED_AFTER_NS)

    async def between():
        if builder.steps == before + 2:
            await twins.write()
            assert await declare(world, "n") == {"n": BUILDING}
        await twins.write()

    before = builder.steps
    builder._between = between
    await builder.run()
    assert await shown(world) == {"n": READY}
    assert await entries(world) == await expected_entries(world, "n")
    await twins.require_same()


async def test_another_path_may_be_declared_while_one_is_built(world):
    twins = await Twins.made(world, 30)
    await declare(world, "city")

    async def between():
        await twins.write()
        if builder.steps == 2:
            assert await declare(world, "city", "n") == {"city": BUILDING, "n": BUILDING}

    builder = Builder(world, between)
    await builder.run()
    assert await entries(world) == await expected_entries(world, "city", "n")
    assert await shown(world) == {"city": READY, "n": READY}


async def test_one_that_is_declared_no_more_before_it_was_whole_is_dropped_at_once(world):
    await Twins.made(world, 30)
    await declare(world, "city")
    builder = Builder(world)

    async def between():
        if builder.steps == 2:
            assert await declare(world) == {}

    builder._between = between
    await builder.run()
    assert await entries(world) == []
    assert await builds(world) == []


async def test_one_builds_and_another_goes_on_when_it_is_no_more(world, clock):
    await Twins.made(world, 40)
    await declare(world, "n")

    class KilledError(Exception):
        pass

    async def dies():
        if first.steps == 3:
            raise KilledError

    first, second = Builder(world, dies), Builder(world, holder="two")
    with contextlib.suppress(KilledError):
        await first.run()
    assert len(await builds(world)) == 1
    (left,) = await builds(world)
    assert left.after_id == "r0020"
    await second.run()
    assert second.steps == 0
    clock.advance(index_builds.HELD_NS + 1)
    await second.run()
    assert second.steps == 3
    assert await shown(world) == {"n": READY}
    assert await entries(world) == await expected_entries(world, "n")


async def test_a_collection_that_is_deleted_is_built_no_more(world):
    await Twins.made(world, 10)
    await declare(world, "n")
    await world.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=INDEXED, force=True))
    await world.collection("indexed")
    await Builder(world).run()
    assert await builds(world) == []
    assert await shown(world) == {}


async def test_indexes_change_where_the_mask_names_them(world):
    await world.collection("indexed", indexes=[record_pb2.RecordIndex(path="a")])
    for mask in ([], ["*"], ["display_name"]):
        await update(world, mask, "indexed", display_name="x")
        assert await shown(world) == {"a": READY}
    stale = declare(world, "b", etag="x")
    assert await refusal(stale) == ("ABORTED", "ETAG_MISMATCH")
    for paths in (["a", "`a`"], ["a."], ["data.a"]):
        assert (await refusal(declare(world, *paths)))[0] == "INVALID_ARGUMENT"
    assert await declare(world, "b", ".create_time") == {"b": BUILDING, ".create_time": BUILDING}


async def test_whether_an_encrypted_field_has_an_index_does_not_change(world):
    paths = [record_pb2.RecordIndex(path="card")]
    await world.collection("indexed", encrypted_fields=["card", "pin"], indexes=paths)
    fixed = ("FAILED_PRECONDITION", "ENCRYPTED_INDEX")
    assert await refusal(declare(world)) == fixed
    assert await refusal(declare(world, "card", "pin")) == fixed
    assert (await refusal(declare(world, "card", "pin.deep")))[0] == "INVALID_ARGUMENT"
    assert await declare(world, "card", "n") == {"card": READY, "n": BUILDING}
    await world.create("a", {"card": "4111", "n": 1}, parent=INDEXED)
    await Builder(world).run()
    assert await listed(world, INDEXED, filter='data.card = "4111" AND data.n = 1') == ["a"]


async def test_so_many_are_under_way_and_no_more(world):
    await world.collection("indexed")
    for first in range(0, 64, 16):
        await declare(world, *(f"a{first + each}" for each in range(16)))
    refused = await refusal(declare(world, "b"))
    assert refused == ("FAILED_PRECONDITION", "INDEXES_UNDER_WAY")
    await Builder(world).run()
    assert await declare(world, "b") == {"b": BUILDING}


async def test_a_read_that_outlasts_an_index_is_done_again(world):
    await Twins.made(world, 5)
    await declare(world, "n")
    await Builder(world).run()
    reads = world.records.service._records.list_records._indexed
    clock = Builder(world).clock
    reads._clock = clock
    assert OUTLIVED_AFTER_NS > GOOD_FOR_NS
    paths = []

    async def read(span_ns, change, shape):
        paths.append(shape.collection.indexes)
        clock.advance(span_ns)
        if len(paths) == 1:
            await change()

    async def nothing():
        pass

    for span_ns, change, expected in (
        (GOOD_FOR_NS - 1, partial(declare, world), [("n",)]),
        (GOOD_FOR_NS, nothing, [("n",)]),
        (GOOD_FOR_NS, partial(declare, world), [("n",), ()]),
    ):
        await declare(world, "n")
        paths.clear()
        await reads(KEY, partial(read, span_ns, change))
        assert paths == expected


async def test_the_list_of_another_collection_is_none_of_this(world):
    await Twins.made(world, 5)
    await declare(world, "n")
    assert await listed(world, PLAIN, filter="data.n >= 0") == await listed(
        world, INDEXED, filter="data.n >= 0"
    )
    assert (await feed(world)).revision > 1 << 48
