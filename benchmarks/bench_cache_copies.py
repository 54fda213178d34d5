"""A hit in a worker's copies of what Redis keeps, and one load for all who miss at once.

Copies are compared twice, each time with the look at the clock that holds them to their bound, and
without asking Redis. As a client sees it: whole calls of CacheService.Get without a transport, the
guards and the direct answer, from a copy and from the memory of the process itself. As a hosted
service sees it: an awaited get of the cache in Redis beside one of the bare native cache.

Then a thousand callers miss one key of an empty cache in a real redis-server at the same time, and
the loads of it are counted.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import uvloop
from bench_direct import CALLS, ENTRIES, VALUE, Roads, direct_loop, roads
from harness import Claim, Loop, Report, Timing, main, measure
from redis_peer import failure, redis_server, version
from server_process import cores

from blrcs.cache.near import near_copies
from blrcs.cache.redis.store import RedisCache
from blrcs.cache.strategies import Lifetimes, ReadThrough
from blrcs.config.cache import Cache
from blrcs.config.redis import Redis
from blrcs.domain.cache_entry import CacheEntry
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs_native.cache.caches import TtlCache
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.near import NearCopies
from blrcs_native.cache.space import StoredEntry
from blrcs_native.cache.stamps import CacheStamps

TITLE = "Get, 100 bytes"
NAMESPACE = "sessions"
KEY = "key-5000"
STAMPS = 65_536
FAR_AHEAD_NS = 1 << 62
HOUR_NS = 3_600_000_000_000
MOST = 1.2
MISSING = 1_000
NO_REDIS = "redis://127.0.0.1:1"

OWN, COPY = "Get from its own memory", "Get from a copy"
BARE, AWAITED = "an awaited get of a bare TtlCache", "an awaited get from a copy"
LOADED = f"read-through: until {MISSING:,} callers have it"


def keep_all(near: NearCopies[CacheEntry]) -> None:
    """Copies of all entries, good until an instant that is far away, and is looked at each time."""
    near.good_until_ns = FAR_AHEAD_NS
    for number in range(ENTRIES):
        key = f"key-{number}"
        entry = StoredEntry(key, VALUE, "application/octet-stream", None)
        entry.version = number + 1
        near.keep(NAMESPACE, key, near.stamp(NAMESPACE, key), entry, 0)


def stamps() -> CacheStamps:
    return CacheStamps(bytearray(CacheStamps.size_bytes_for(STAMPS)))


def redis_cache(url: str) -> tuple[RedisCache, RedisClient]:
    client = RedisClient(RedisUrl.parse(url), Redis())
    return RedisCache(Cache(near_percent=100), client, stamps()), client


def calls() -> dict[str, Loop]:
    """Whole calls."""
    near = near_copies(Cache(near_percent=100), stamps(), CacheHits(bytearray(8)))
    keep_all(near)
    name, request = CALLS[TITLE]
    body = request.SerializeToString()
    timed: dict[str, Roads] = {OWN: roads()[name], COPY: roads(copies=near)[name]}
    for road in timed.values():
        (answer,) = road.directly(body)
        assert VALUE in answer
    return {title: direct_loop(road, body) for title, road in timed.items()}


def awaited_loop(get: Any, *arguments: str) -> Loop:
    """Awaits, as a handler does; nothing has to wait."""

    async def awaiting(count: int) -> None:
        for _ in range(count):
            await get(*arguments)

    return lambda count: finished(awaiting(count))


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


def gets() -> dict[str, Loop]:
    """What a hosted service awaits."""
    bare: TtlCache[str, bytes] = TtlCache(ENTRIES, HOUR_NS)
    for number in range(ENTRIES):
        bare.set(f"key-{number}", VALUE)

    async def get(key: str) -> bytes | None:
        return bare.get(key)

    cache, _ = redis_cache(NO_REDIS)
    keep_all(cache.near)
    assert finished(get(KEY)) == finished(cache.get(NAMESPACE, KEY)).value == VALUE
    return {BARE: awaited_loop(get, KEY), AWAITED: awaited_loop(cache.get, NAMESPACE, KEY)}


class Source:
    """What is loaded from."""

    def __init__(self) -> None:
        self.loads = 0

    async def load(self, _key: str) -> bytes | None:
        """Takes its time, as a database does."""
        self.loads += 1
        await asyncio.sleep(0.01)
        return VALUE


async def missed(url: str) -> tuple[int, float]:
    """How often a key was loaded that all missed at once, and the nanoseconds until all had it."""
    cache, client = redis_cache(url)
    source = Source()
    try:
        await cache.flush(NAMESPACE)
        async with ReadThrough(
            cache, NAMESPACE, Lifetimes(fresh_ns=HOUR_NS), load=source.load
        ) as reading:
            start_ns = time.perf_counter_ns()
            found = await asyncio.gather(*(reading.get(KEY) for _ in range(MISSING)))
            took_ns = time.perf_counter_ns() - start_ns
    finally:
        await client.close()
    assert set(found) == {VALUE}
    return source.loads, took_ns


def run(rounds: int) -> Report:
    timings = measure(calls() | gets(), rounds=rounds)
    report = Report("copies of what Redis keeps", timings)
    report.claims += [
        ratio("a guarded Get from a copy / from its own memory", timings, COPY, OWN, MOST),
        ratio("an awaited get from a copy / of a bare TtlCache", timings, AWAITED, BARE),
    ]
    if (reason := failure()) is not None:
        report.left_out["Redis"] = reason
        return report
    with redis_server(cores()[0], VALUE) as server:
        url = f"redis://127.0.0.1:{server.port}"
        found = [uvloop.run(missed(url)) for _ in range(rounds)]
    loads = max(count for count, _ in found)
    claim = f"read-through: loads of a key that {MISSING:,} callers miss at once"
    report.claims.append(Claim(claim, loads, at_most=1))
    report.timings[LOADED] = Timing(tuple(took_ns for _, took_ns in found))
    report.peers["redis"] = version()
    return report


def ratio(
    text: str, timings: dict[str, Timing], one: str, other: str, at_most: float | None = None
) -> Claim:
    return Claim(text, timings[one].median_ns / timings[other].median_ns, at_most=at_most)


if __name__ == "__main__":
    main(run)
