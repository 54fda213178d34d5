"""Watching records, on each database."""

import asyncio
import json

import pytest

from blrcs.v1 import record_pb2
from blrcs_native.shared.generation import Generation
from tests.integration.records.world import (
    ORDERS,
    SECOND_NS,
    TENANT,
    World,
    changing,
    creation,
    data_of,
    name_of,
    seconds,
)
from tests.unit.api.refusals import refusal

HOUR_NS = 3600 * SECOND_NS
STARTED = record_pb2.RECORD_EVENT_TYPE_STARTED
CREATED = record_pb2.RECORD_EVENT_TYPE_CREATED
UPDATED = record_pb2.RECORD_EVENT_TYPE_UPDATED
DELETED = record_pb2.RECORD_EVENT_TYPE_DELETED
EXPIRED = record_pb2.RECORD_EVENT_TYPE_EXPIRED
RecordWrite = record_pb2.RecordWrite


class Watch:
    """A watch that has begun, and its first event."""

    def __init__(self, call, events, started):
        self._call = call
        self._events = events
        self.started = started

    @classmethod
    async def begin(cls, world, resume_token="", parent=ORDERS):
        call = world.watch(resume_token, parent)
        events = aiter(call)
        return cls(call, events, await anext(events))

    async def take(self, count):
        return [await anext(self._events) for _ in range(count)]

    async def end(self):
        self._call.cancel()


def told(events):
    return [(each.type, each.name.rpartition("/")[2]) for each in events]


async def test_a_watcher_is_told_of_every_change_in_its_order(world, clock):
    await world.create("before")
    watch = await Watch.begin(world)
    assert (watch.started.type, watch.started.sequence) == (STARTED, 1)
    made = await world.create("a", {"n": 1})
    changed = await world.update("a", {"n": 2})
    await world.batch(
        RecordWrite(create=creation("b", ttl=seconds(5))),
        RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("a"))),
        RecordWrite(
            delete=record_pb2.DeleteRecordRequest(name=name_of("none"), allow_missing=True)
        ),
    )
    clock.advance(6 * SECOND_NS)
    await world.records.purge.expired()
    await world.create("c")
    events = await watch.take(6)
    assert told(events) == [
        (CREATED, "a"),
        (UPDATED, "a"),
        (CREATED, "b"),
        (DELETED, "a"),
        (EXPIRED, "b"),
        (CREATED, "c"),
    ]
    assert [each.sequence for each in events] == [2, 3, 4, 5, 6, 7]
    assert [events[0].record, events[1].record] == [made, changed]
    assert [each.HasField("record") for each in events] == [True, True, True, False, False, True]
    await watch.end()


async def test_a_creation_is_told_as_it_was_whatever_came_after(world, clock):
    watch = await Watch.begin(world)
    await watch.end()
    made = [await world.create(each, {"n": 1}) for each in "ab"]
    made.append(await world.create("c", {"n": 1}, ttl=seconds(5)))
    batch = [RecordWrite(create=creation(each, {"n": 1})) for each in "def"]
    made += [each.record for each in await world.batch(*batch)]
    made.append(await world.create("stays", {"n": 1}))
    await world.update("a", {"n": 2})
    await world.update("a", {"n": 3})
    await world.delete("b")
    again = await world.create("b", {"n": 2})
    clock.advance(6 * SECOND_NS)
    await world.records.purge.expired()
    await world.batch(
        RecordWrite(update=changing("d", {"n": 2})),
        RecordWrite(delete=record_pb2.DeleteRecordRequest(name=name_of("e"))),
        RecordWrite(create=creation("g")),
        RecordWrite(update=changing("f", {"n": 2})),
    )
    resumed = await Watch.begin(world, watch.started.resume_token)
    events = await resumed.take(16)
    assert [each.record for each in events[:7]] == made
    assert events[10].record == again
    assert [each.sequence for each in events] == list(range(1, 17))
    await resumed.end()


async def test_a_sealed_creation_is_told_as_it_was(store, clock):
    async with World.open(store, clock) as world:
        await world.collection(encrypted_fields=["card"], secret_fields=["pin"])
        watch = await Watch.begin(world)
        await watch.end()
        made = [await world.create(each, {"card": each, "pin": "1", "n": 1}) for each in "ab"]
        await world.update("a", {"card": "other", "n": 2})
        resumed = await Watch.begin(world, watch.started.resume_token)
        assert [each.record for each in await resumed.take(2)] == made
        await world.delete("a")
        await resumed.end()
        resumed = await Watch.begin(world, watch.started.resume_token)
        assert [each.record for each in await resumed.take(2)] == made
        await resumed.end()


async def test_changes_that_are_kept_no_more_are_not_given_their_images(world, clock, store):
    await world.create("a", {"n": 1})
    clock.advance(25 * HOUR_NS)
    await world.create("b", {"n": 1})
    await world.records.purge.changes()
    await world.update("a", {"n": 2})
    watch = await Watch.begin(world)
    assert watch.started.sequence == 3
    await watch.end()


async def test_nothing_is_told_of_what_was_refused(world):
    watch = await Watch.begin(world)
    await world.create("a")
    await refusal(world.create("a"))
    await refusal(world.batch(RecordWrite(create=creation("b")), RecordWrite(create=creation("a"))))
    await refusal(world.stub.CreateRecord(creation("c", parent=f"{TENANT}/collections/none")))
    await world.create("d")
    events = await watch.take(2)
    assert told(events) == [(CREATED, "a"), (CREATED, "d")]
    assert [each.sequence for each in events] == [1, 2]
    await watch.end()


async def test_a_record_that_takes_the_place_of_an_expired_one_is_told_after_it(world, clock):
    watch = await Watch.begin(world)
    await world.create("a", ttl=seconds(5))
    clock.advance(6 * SECOND_NS)
    await world.create("a", {"n": 2})
    events = await watch.take(3)
    assert told(events) == [(CREATED, "a"), (EXPIRED, "a"), (CREATED, "a")]
    assert [each.sequence for each in events] == [1, 2, 3]
    await watch.end()


async def test_a_watch_goes_on_after_any_event(world):
    first = await Watch.begin(world)
    for number in range(5):
        await world.create(f"r{number}")
    events = await first.take(5)
    await first.end()
    for index, event in enumerate(events):
        again = await Watch.begin(world, event.resume_token)
        assert again.started.sequence == event.sequence
        assert await again.take(4 - index) == events[index + 1 :]
        await again.end()
    from_the_start = await Watch.begin(world, first.started.resume_token)
    assert await from_the_start.take(5) == events
    await from_the_start.end()


async def test_large_changes_are_read_a_few_at_a_time(world):
    watch = world.watch()
    token = (await anext(aiter(watch))).resume_token
    watch.cancel()
    sizes = [0, 400, 0, 400, 400, 900, 1000, 0, 1000, 0, 0]
    for number, size in enumerate(sizes):
        await world.create(f"r{number}", {"text": "x" * (size << 10)})
    feed = world.records.service._records.watch_records._feed
    read = []
    after = feed.after

    async def observed(key, sequence, limit):
        changes = await after(key, sequence, limit)
        read.append(sum(len(each.image.encoded) for each in changes))
        return changes

    feed.after = observed
    events = aiter(world.watch(token))
    told = [await anext(events) for _ in range(len(sizes) + 1)]
    assert [each.sequence for each in told] == list(range(len(sizes) + 1))
    assert max(read) < 2 << 20
    assert len(read) < len(sizes)


async def test_a_resume_token_is_good_for_its_collection_alone(world):
    await world.collection("other")
    await world.create("a")
    watch = await Watch.begin(world)
    token = watch.started.resume_token
    await watch.end()
    for text, parent in (
        (token, f"{TENANT}/collections/other"),
        (token[:-4] + "AAAA", ORDERS),
        ("AAAA", ORDERS),
    ):
        call = anext(aiter(world.watch(text, parent)))
        assert await refusal(call) == ("INVALID_ARGUMENT", "RESUME_TOKEN_INVALID")
    await world.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=ORDERS, force=True))
    assert (await refusal(anext(aiter(world.watch(token)))))[0] == "NOT_FOUND"
    await world.collection()
    refused = await refusal(anext(aiter(world.watch(token))))
    assert refused == ("INVALID_ARGUMENT", "RESUME_TOKEN_INVALID")


async def test_a_token_whose_changes_are_gone_is_refused(world, clock):
    early = await Watch.begin(world)
    for number in range(5):
        await world.create(f"r{number}")
    events = await early.take(5)
    await early.end()
    clock.advance(25 * HOUR_NS)
    late = await world.create("late")
    await world.records.purge.changes()
    for token in (early.started.resume_token, events[3].resume_token):
        refused = await refusal(anext(aiter(world.watch(token))))
        assert refused == ("OUT_OF_RANGE", "RESUME_TOKEN_EXPIRED")
    again = await Watch.begin(world, events[4].resume_token)
    (event,) = await again.take(1)
    assert event.record == late
    await again.end()
    clock.advance(25 * HOUR_NS)
    await world.records.purge.changes()
    idle = await Watch.begin(world, event.resume_token)
    assert idle.started.sequence == 6
    await idle.end()


@pytest.mark.parametrize("purge", ["changes", "surplus"])
async def test_more_changes_than_are_kept_are_dropped(store, clock, purge):
    async with World.open(store, clock, max_changes=100) as world:
        await world.collection()
        watch = await Watch.begin(world)
        feed = world.records.purge._feed
        writes = [RecordWrite(create=creation(f"r{number}")) for number in range(150)]
        await world.batch(*writes[:110])
        await world.records.purge.surplus()
        assert (await feed.position(await _key())).purged == 0
        await world.batch(*writes[110:])
        await getattr(world.records.purge, purge)()
        token = watch.started.resume_token
        assert (await refusal(anext(aiter(world.watch(token)))))[0] == "OUT_OF_RANGE"
        position = await feed.position(await _key())
        assert (position.sequence, position.purged) == (150, 50)
        await watch.end()


async def _key():
    from blrcs.domain.record_name import CollectionKey

    return CollectionKey("acme", "orders")


async def test_a_watch_of_a_collection_that_is_deleted_ends(world):
    watch = await Watch.begin(world)
    pending = asyncio.ensure_future(watch.take(1))
    await world.stub.DeleteCollection(record_pb2.DeleteCollectionRequest(name=ORDERS))
    assert (await refusal(pending))[0] == "NOT_FOUND"


async def test_a_server_that_is_to_stop_ends_watches(world):
    watch = await Watch.begin(world)
    pending = asyncio.ensure_future(watch.take(1))
    await asyncio.sleep(0)
    world.records.signal.finish()
    assert await refusal(pending) == ("UNAVAILABLE", "SERVER_DRAINING")
    assert (await refusal(anext(aiter(world.watch()))))[0] == "UNAVAILABLE"


async def test_there_are_so_many_watchers_at_the_most(world):
    world.records.signal._max_watchers = 2
    watches = [await Watch.begin(world) for _ in range(2)]
    refused = await refusal(anext(aiter(world.watch())))
    assert refused == ("RESOURCE_EXHAUSTED", "TOO_MANY_WATCHERS")
    await watches[0].end()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watches.append(await Watch.begin(world))
    for watch in watches[1:]:
        await watch.end()


async def test_another_process_wakes_a_watcher(store, clock):
    memory = bytearray(8)
    worlds = [
        World.open(store, clock, generation=Generation(memory), interval_ns=HOUR_NS)
        for _ in range(2)
    ]
    async with worlds[0] as one, worlds[1] as other:
        await one.collection()
        watch = await Watch.begin(other)
        pending = asyncio.ensure_future(watch.take(1))
        made = await one.create("a", {"n": 1})
        (event,) = await asyncio.wait_for(pending, 60)
        assert event.record == made
        await watch.end()


async def test_another_machine_is_found_out_about_at_an_interval(store, clock):
    worlds = [World.open(store, clock, interval_ns=SECOND_NS // 50) for _ in range(2)]
    async with worlds[0] as one, worlds[1] as other:
        await one.collection()
        watch = await Watch.begin(other)
        pending = asyncio.ensure_future(watch.take(1))
        made = await one.create("a", {"n": 1})
        (event,) = await asyncio.wait_for(pending, 60)
        assert event.record == made
        await watch.end()


@pytest.mark.parametrize("seed", range(2))
async def test_many_writers_at_once_leave_no_gap_and_no_other_order(store, clock, seed):
    """Two servers write at the same time; what a watcher is told, replayed, is what is stored."""
    writers, each = 8, 12
    async with World.open(store, clock, interval_ns=SECOND_NS // 100) as one:
        await one.collection()
        async with World.open(store, clock, interval_ns=SECOND_NS // 100) as other:
            watches = [await Watch.begin(world) for world in (one, other)]

            async def write(number):
                world = (one, other)[number % 2]
                for step in range(each):
                    record_id = f"r{(number * 7 + step * (seed + 3)) % 5}"
                    await world.stub.UpdateRecord(
                        changing(record_id, {"w": number, "s": step}, allow_missing=True)
                    )
                    if step % 4 == 3:
                        await world.batch(
                            RecordWrite(
                                delete=record_pb2.DeleteRecordRequest(
                                    name=name_of(record_id), allow_missing=True
                                )
                            ),
                            RecordWrite(create=creation(f"w{number}s{step}", {"w": number})),
                        )

            await asyncio.gather(*map(write, range(writers)))
            total = (await Watch.begin(one)).started.sequence
            assert total >= writers * each
            seen = [await watch.take(total) for watch in watches]
            assert seen[0] == seen[1]
            assert [event.sequence for event in seen[0]] == list(range(1, total + 1))
            replayed = {}
            for event in seen[0]:
                if event.HasField("record"):
                    # A change is told on the state that it was made on.
                    assert (event.type == UPDATED) == (event.name in replayed)
                    replayed[event.name] = event.record
                else:
                    del replayed[event.name]
            page = await one.stub.ListRecords(
                record_pb2.ListRecordsRequest(parent=ORDERS, page_size=1000)
            )
            assert {record.name: record for record in page.records} == replayed
            assert json.dumps(data_of(page.records[0]))
            for watch in watches:
                await watch.end()
