"""Whatever is done in whichever order, every cache answers as the one in memory does."""

import random

import pytest

from blrcs.cache.memory import MemoryCache
from blrcs.domain.cache_entry import CacheEntry, Presence, SetCondition
from blrcs.domain.errors import DomainError

S = 1_000_000_000
STEPS = 250
KEYS = "abcde"
VALUES = (b"1", b"22", b"-5", b"x" * 60, b"x" * 130)
BOUNDS = {"max_entries": 3, "max_bytes": 120, "max_namespaces": 2}


class Play:
    """Does the same in a cache and in its model, and compares what both say."""

    def __init__(self, world, seed):
        self.world = world
        self.model = MemoryCache(world.settings, clock=world.now_ns, monotonic=world.monotonic_ns)
        self.chance = random.Random(seed)
        # By the place in the order of all versions, each cache has its own numbers.
        self.versions: list[dict[int, int]] = [{}, {}]

    def step(self):
        pick = self.chance.choice
        namespace, key = pick("nnnm"), pick(KEYS)
        ttl_ns = pick([None, None, None, 60 * S, 600 * S])
        match pick(["get"] * 4 + ["set"] * 4 + ["increment", "touch", "delete", "many", "flush"]):
            case "get":
                return "get", namespace, key
            case "many":
                return "get_many", namespace, [pick(KEYS) for _ in range(3)]
            case "set":
                presence = pick([Presence.ANY, Presence.ANY, Presence.ABSENT, Presence.PRESENT])
                return "set", namespace, key, pick(VALUES), "t", ttl_ns, SetCondition(presence)
            case "increment":
                return "increment", namespace, key, pick([1, -1, 10**18]), ttl_ns
            case other:
                return (other, namespace, key, ttl_ns)[: {"touch": 4, "delete": 3}.get(other, 2)]

    async def compare(self, step):
        method, *arguments = step
        store = self.chance.choice(self.world.stores)
        expected = await self.outcome(self.model, 0, method, arguments)
        assert await self.outcome(store, 1, method, arguments) == expected, step
        for each in self.world.stores:
            await self.world.report(each)

    async def outcome(self, store, which, method, arguments):
        try:
            result = await getattr(store, method)(*arguments)
        except DomainError as error:
            return error.code, error.reason, error.message
        if method == "set":
            return self.place(which, result)
        if method == "increment":
            return result[0], self.place(which, result[1])
        if isinstance(result, CacheEntry):
            return self.shown(which, result)
        return [self.shown(which, each) for each in result] if method == "get_many" else result

    def place(self, which, version):
        order = self.versions[which]
        return None if version is None else order.setdefault(version, len(order))

    def shown(self, which, entry):
        ends = entry.expire_time_ns is not None
        return entry.key, entry.value, entry.content_type, self.place(which, entry.version), ends


@pytest.mark.parametrize("seed", range(4))
async def test_every_cache_does_what_the_one_in_memory_does(make, seed):
    world = await make(**BOUNDS)
    play = Play(world, seed)
    for number in range(STEPS):
        await play.compare(play.step())
        if number % 25 == 24:
            world.advance(play.chance.choice([1, 61, 601]) * S)
            await world.reclaim()
            play.model.reclaim()
    for namespace in "nm":
        ours = await world.store.figures(namespace)
        assert ours == await play.model.figures(namespace)
