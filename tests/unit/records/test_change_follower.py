"""What others change ends copies with the next look; without a look, all copies end in time."""

import asyncio
from dataclasses import replace

import pytest

from blrcs.application.ports.records import FeedPosition
from blrcs.domain.errors import UnavailableError
from blrcs.domain.record_name import CollectionKey
from blrcs.records import change_follower
from blrcs.records.change_follower import ChangeFollower
from blrcs.workers.memory import own_stamps
from blrcs_native.records.copies import RecordCopies
from tests.unit.application.identity_fakes import FakeClock

ORDERS, USERS = CollectionKey("acme", "orders"), CollectionKey("acme", "users")
INTERVAL_NS = 1000


class Feeds:
    """Feeds of a database that others write to, and that can be away."""

    def __init__(self):
        self.at = {ORDERS: FeedPosition(1, 0, 0), USERS: FeedPosition(1, 0, 0)}
        self.ids = {ORDERS: [], USERS: []}
        self.is_away = False
        self.gate = None

    def change(self, key, record_id):
        self.ids[key].append(record_id)
        self.at[key] = replace(self.at[key], sequence=len(self.ids[key]))

    async def positions(self, keys):
        found = {key: self.at[key] for key in keys if key in self.at}
        await self._pass()
        return found

    async def changed_after(self, key, sequence, limit):
        await self._pass()
        first = max(sequence, self.at[key].purged)
        return self.ids[key][first : first + limit]

    async def _pass(self):
        if self.is_away:
            raise UnavailableError("AWAY", "away")
        if self.gate is not None:
            await self.gate.wait()


class World:
    def __init__(self):
        self.clock = FakeClock(0)
        self.feeds = Feeds()
        self.copies = RecordCopies(own_stamps(), max_bytes=1 << 20, monotonic=self.clock)
        self.follower = ChangeFollower(
            feeds=self.feeds, copies=self.copies, interval_ns=INTERVAL_NS, monotonic=self.clock
        )

    async def keep(self, key=ORDERS, *record_ids):
        assert await self.follower.follow(key)
        for record_id in record_ids or ("a", "b"):
            name = key.record(record_id).name
            self.copies.keep(key.name, name, self.copies.stamp(key.name, name), b"1", None, None)

    def has(self, key=ORDERS):
        return [each for each in "ab" if self.copies.find(key.record(each).name)]


@pytest.fixture
def world():
    return World()


async def test_only_what_has_changed_ends(world):
    await world.keep()
    await world.keep(USERS)
    world.feeds.change(ORDERS, "a")
    assert world.has() == ["a", "b"]
    await world.follower.look()
    assert world.has() == ["b"]
    assert world.has(USERS) == ["a", "b"]
    await world.keep()
    await world.follower.look()
    assert world.has() == ["a", "b"]


async def test_no_copy_is_good_for_longer_than_the_interval(world):
    await world.keep()
    world.clock.advance(INTERVAL_NS - 1)
    assert world.has()
    world.clock.advance(1)
    assert not world.has()
    await world.follower.look()
    assert world.has() == ["a", "b"]


async def test_while_the_database_is_away_copies_end_in_time(world):
    await world.keep()
    world.feeds.is_away = True
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await world.follower.look()
        world.clock.advance(INTERVAL_NS // 2)
    assert not world.has()
    world.feeds.change(ORDERS, "a")
    world.feeds.is_away = False
    await world.follower.look()
    assert world.has() == ["b"]


async def test_a_look_is_as_old_as_its_beginning(world):
    await world.keep()
    world.feeds.gate = asyncio.Event()
    looking = asyncio.create_task(world.follower.look())
    await asyncio.sleep(0)
    world.clock.advance(10)
    world.feeds.gate.set()
    await looking
    assert world.copies.good_until_ns == INTERVAL_NS


async def test_what_changes_while_a_look_is_under_way_is_found_by_the_next(world):
    await world.keep()
    world.feeds.gate = asyncio.Event()
    looking = asyncio.create_task(world.follower.look())
    await asyncio.sleep(0)
    world.feeds.change(ORDERS, "a")
    later = asyncio.create_task(world.follower.look())
    following = asyncio.create_task(world.follower.follow(USERS))
    world.feeds.gate.set()
    await asyncio.gather(looking, later, following)
    assert world.has() == ["b"]
    await world.keep(USERS)
    assert world.has(USERS) == ["a", "b"]


@pytest.mark.parametrize(
    "position",
    [
        FeedPosition(2, 0, 0),
        FeedPosition(2, 5, 0),
        FeedPosition(1, 2, 2),
        FeedPosition(1, 1, 0),
        FeedPosition(1, 2 + change_follower.MAX_CHANGES, 0),
        None,
    ],
    ids=["another", "another with as many", "purged", "restored", "too many", "gone"],
)
async def test_what_the_feed_cannot_tell_ends_all_copies(world, position):
    for _ in range(2):
        world.feeds.change(ORDERS, "x")
    await world.keep()
    await world.keep(USERS)
    if position is not None and position.purged:
        world.feeds.change(ORDERS, "x")
        position = FeedPosition(1, 3, 3)
    if position is None:
        del world.feeds.at[ORDERS]
    else:
        world.feeds.at[ORDERS] = position
    await world.follower.look()
    assert not world.has()
    assert world.has(USERS) == ["a", "b"]


async def test_what_is_purged_while_it_is_looked_at_ends_all_copies(world):
    await world.keep()
    world.feeds.change(ORDERS, "a")
    world.feeds.change(ORDERS, "x")
    found = dict(world.feeds.at)

    async def positions(keys):
        world.feeds.at[ORDERS] = FeedPosition(1, 2, 1)
        return {key: found[key] for key in keys}

    world.feeds.positions = positions
    await world.follower.look()
    assert not world.has()


async def test_where_there_is_no_collection_nothing_is_followed(world):
    del world.feeds.at[USERS]
    assert not await world.follower.follow(USERS)


async def test_no_more_are_followed_than_there_is_room_for(world, monkeypatch):
    monkeypatch.setattr(change_follower, "MAX_FOLLOWED", 1)
    await world.keep()
    stamp = world.copies.stamp(ORDERS.name, ORDERS.record("c").name)
    await world.keep(USERS)
    assert not world.has()
    assert world.has(USERS) == ["a", "b"]
    # What was being read meanwhile is not kept: nobody would say when it has changed.
    world.copies.keep(ORDERS.name, ORDERS.record("c").name, stamp, b"1", None, None)
    assert world.copies.find(ORDERS.record("c").name) is None


async def test_it_looks_in_good_time(world):
    assert 2 * world.follower.period_s == INTERVAL_NS / 1e9
