"""Records that are read from copies, on each database: never older than is promised."""

import asyncio

import pytest

from blrcs.v1 import record_pb2
from blrcs.workers.memory import own_stamps
from tests.integration.records.world import (
    ORDERS,
    SECOND_NS,
    World,
    changing,
    creation,
    data_of,
    name_of,
    seconds,
)
from tests.unit.api.refusals import refusal

RecordWrite = record_pb2.RecordWrite
LONG_NS = 3600 * SECOND_NS
GONE = ("NOT_FOUND", "RESOURCE_NOT_FOUND")


def opened(store, clock, stamps, interval_ns=LONG_NS):
    """A process with copies; those of one machine have stamps in common."""
    return World.open(store, clock, stamps=stamps, interval_ns=interval_ns, copies=1 << 20)


@pytest.fixture
async def workers(store, clock):
    """Two of one machine."""
    stamps = own_stamps()
    async with opened(store, clock, stamps) as one, opened(store, clock, stamps) as other:
        await one.collection()
        yield one, other


@pytest.fixture
async def machines(store, clock):
    """Two that have the database in common, and nothing else."""
    async with (
        opened(store, clock, own_stamps()) as one,
        opened(store, clock, own_stamps()) as other,
    ):
        await one.collection()
        yield one, other


def copied(world, record_id="a"):
    """Whether there is a good copy."""
    return world.records.copies.of_records.find(name_of(record_id)) is not None


async def warm(*worlds, record_id="a"):
    for world in worlds:
        await world.get(record_id)
        assert copied(world, record_id)


async def test_a_copy_answers_what_the_database_does(workers):
    one, other = workers
    made = await one.create("a", {"v": 1, "w": {"x": 2}})
    for _ in range(3):
        assert await other.get("a") == made
        assert data_of(await other.get("a", "data.w.x")) == {"w": {"x": 2}}
    assert copied(other)
    assert not copied(one)


async def test_what_is_not_there_is_not_kept(workers):
    one, other = workers
    assert await refusal(other.get("a")) == GONE
    made = await one.create("a", {"v": 1})
    assert await other.get("a") == made


WRITES = {
    "update": lambda world: world.update("a", {"v": 2}),
    "update of a part": lambda world: world.update("a", {"v": 2}, ["data.v"]),
    "update with ttl": lambda world: world.update("a", mask=["ttl"], ttl=seconds(60)),
    "delete": lambda world: world.delete("a"),
    "batch": lambda world: world.batch(
        RecordWrite(create=creation("b")), RecordWrite(update=changing("a", {"v": 3}))
    ),
    "batch that deletes": lambda world: world.batch(
        RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("a")))
    ),
    "creation anew": lambda world: world.update("a", {"v": 5}, allow_missing=True),
    "delete of the collection": lambda world: world.stub.DeleteCollection(
        record_pb2.DeleteCollectionRequest(name=ORDERS, force=True)
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_no_worker_shows_what_was_before_an_acknowledged_write(workers, write):
    one, other = workers
    before = await one.create("a", {"v": 1})
    await one.create("c", {})
    await warm(one, other)
    await write(one)
    assert not copied(one)
    assert not copied(other)
    found = [await _found(world) for world in (one, other)]
    assert found[0] == found[1] != before


async def _found(world):
    try:
        return await world.get("a")
    except Exception as error:  # noqa: BLE001 - whatever it is, both have to say the same
        return str(error)


async def test_other_records_keep_their_copies(workers):
    one, other = workers
    for record_id in "ab":
        await one.create(record_id, {})
        await warm(one, other, record_id=record_id)
    await other.update("b", {"v": 1})
    assert copied(one)
    assert not copied(one, "b")


async def test_a_copy_ends_in_the_instant_in_which_its_record_does(workers, clock):
    one, other = workers
    made = await one.create("a", {}, ttl=seconds(10))
    await warm(one, other)
    gone_ns = made.expire_time.ToNanoseconds()
    # The clocks of these worlds take a step at each look.
    clock.advance(gone_ns - clock() - 100)
    assert copied(other)
    clock.advance(100)
    assert not copied(other)
    assert await refusal(other.get("a")) == GONE
    assert await refusal(one.get("a")) == GONE


async def test_sealed_fields_are_kept_sealed(store, clock):
    stamps = own_stamps()
    async with opened(store, clock, stamps) as one, opened(store, clock, stamps) as other:
        await one.collection(encrypted_fields=["iban"], secret_fields=["pin"])
        made = await one.create("a", {"iban": "DE00", "pin": "1234", "v": 1})
        await warm(one, other)
        for world in (one, other):
            assert await world.get("a") == made
            assert data_of(await world.get("a", "data.iban")) == {"iban": "DE00"}
            assert data_of(await world.get("a", "data.pin")) == {}
        copy = other.records.copies.of_records.find(name_of("a"))
        assert copy.sealed.keys() == {"iban", "pin"}
        assert b"DE00" not in copy.encoded + b"".join(copy.sealed.values())


async def test_what_another_machine_writes_is_seen_with_the_next_look(machines):
    here, there = machines
    for record_id in "abc":
        await here.create(record_id, {"v": 1})
    for record_id in "abc":
        await warm(there, record_id=record_id)
    await here.update("a", {"v": 2})
    await here.delete("b")
    await there.records.copies.follower.look()
    assert not copied(there)
    assert data_of(await there.get("a")) == {"v": 2}
    assert await refusal(there.get("b")) == GONE
    assert copied(there, "c")


async def test_a_collection_made_anew_elsewhere_has_none_of_the_old_records(machines):
    here, there = machines
    await here.create("a", {"v": 1})
    await warm(there)
    request = record_pb2.DeleteCollectionRequest(name=ORDERS, force=True)
    await here.stub.DeleteCollection(request)
    await here.collection()
    await here.create("b", {})
    await there.records.copies.follower.look()
    assert await refusal(there.get("a")) == GONE
    await warm(there, record_id="b")
    await here.stub.DeleteCollection(request)
    await there.records.copies.follower.look()
    assert await refusal(there.get("b")) == GONE


async def test_more_changes_than_are_kept_end_all_copies(machines):
    here, there = machines
    for record_id in "ab":
        await here.create(record_id, {})
    for record_id in "ab":
        await warm(there, record_id=record_id)
    await here.update("a", {"v": 1})
    await here.records.purge._feed.purge(older_than_ns=1 << 62, max_kept=0)
    await here.update("a", {"v": 2})
    await there.records.copies.follower.look()
    assert not copied(there)
    assert not copied(there, "b")
    await warm(there, record_id="b")


async def test_many_changes_of_one_record_are_followed(machines):
    here, there = machines
    for record_id in "ab":
        await here.create(record_id, {})
    for record_id in "ab":
        await warm(there, record_id=record_id)
    for number in range(20):
        await here.update("a", {"v": number})
    await there.records.copies.follower.look()
    assert data_of(await there.get("a")) == {"v": 19}
    assert copied(there, "b")


async def test_many_collections_are_followed(machines):
    here, there = machines
    count = 70  # more than one statement asks for
    parents = [f"tenants/acme/collections/c{number}" for number in range(count)]
    for number, parent in enumerate(parents):
        await here.collection(f"c{number}")
        await here.create("a", {"v": 1}, parent=parent)
    names = [name_of("a", parent) for parent in parents]
    copies = there.records.copies.of_records
    for name in names:
        await there.stub.GetRecord(record_pb2.GetRecordRequest(name=name))
    await there.records.copies.follower.look()
    assert all(copies.find(name) for name in names)
    changed = {0, 33, count - 1}
    for number in changed:
        await here.stub.UpdateRecord(changing("a", {"v": 2}, parent=parents[number]))
    await there.records.copies.follower.look()
    assert {number for number in range(count) if copies.find(names[number]) is None} == changed


async def test_readers_never_see_less_than_was_acknowledged(workers):
    """All at once, on both: what is read is no older than what was answered before."""
    ids = [f"r{number}" for number in range(3)]
    acknowledged = dict.fromkeys(ids, 0)
    for record_id in ids:
        await workers[0].create(record_id, {})
    writing = True

    async def write(world, record_id):
        for value in range(40):
            updated = await world.update(record_id, {"v": value})
            acknowledged[record_id] = max(acknowledged[record_id], revision_of(updated))

    async def read(world, record_id):
        while writing:
            least = acknowledged[record_id]
            assert revision_of(await world.get(record_id)) >= least
            # Both workers' writers have threads in this process, which need its time, too.
            await asyncio.sleep(0.001)

    readers = [asyncio.create_task(read(world, each)) for world in workers for each in ids * 2]
    await asyncio.gather(*(write(world, each) for world in workers for each in ids))
    writing = False
    await asyncio.gather(*readers)


def revision_of(record):
    return int(record.etag.strip('"').rpartition("-")[2], 16)
