"""The cache in Redis, where Redis is not what it was."""

import asyncio

import pytest
import structlog

from blrcs.domain.cache_entry import CacheEvent, CacheEventKind
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from tests.conformance.cache.worlds import listening, until
from tests.integration.redis.caches import ANY, Process
from tests.integration.redis.conftest import QUICK
from tests.servers.redis import redis

ENTRY = "blrcs:cache:e:{n}:k"


@pytest.fixture
async def process(server, connect):
    """One, without copies."""
    return Process(await connect(server.url(), **QUICK))


async def test_a_server_that_takes_anothers_place_begins_empty(server, connect):
    """It may lack what the other has acknowledged, so nothing that it has can be trusted."""
    with redis() as other:
        before = Process(await connect(server.url()))
        old = await before.set(b"1")
        other.run("REPLICAOF", "127.0.0.1", str(server.port))
        await until(lambda: "blrcs:cache:m:{n}" in other.run("KEYS", "*"))
        await until(lambda: "master_link_status:up" in other.run("INFO", "replication"))
        other.run("REPLICAOF", "NO", "ONE")
        after = Process(await connect(other.url()))
        assert await after.value() is None
        assert await after.cache.delete("n", "k") is False
        assert (await after.cache.figures("n")).entries == 0
        new = await after.set(b"2", "other")
        assert new > old
        assert await after.value() is None
        assert await after.value("other") == b"2"
        while await after.cache.reclaim():
            pass
        assert "{n}:k\n" not in other.run("KEYS", "*")
        assert await after.value("other") == b"2"


async def test_a_server_that_starts_again_with_what_it_had_saved_begins_empty(connect):
    with redis() as server:
        process = Process(await connect(server.url(), **QUICK))
        await process.set(b"1")
        server.run("SAVE")
        await process.set(b"2")
        server.kill()
        server.start()
        assert ENTRY in server.run("KEYS", "*")
        found = await answered(process.value)
        assert found is None


async def answered(ask):
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask()
            except UnavailableError:
                await asyncio.sleep(0.02)


async def test_what_redis_evicts_is_gone_and_told_of(process, server):
    watch = process.cache.watch("n", "")
    await anext(watch)
    version = await process.set(b"1")
    server.run("DEL", ENTRY)
    assert await process.value() is None
    figures = await process.cache.figures("n")
    assert (figures.entries, figures.size_bytes, figures.evictions) == (0, 0, 1)
    told = [await anext(watch) for _ in range(2)]
    assert told == [
        CacheEvent(CacheEventKind.SET, "k", version),
        CacheEvent(CacheEventKind.EVICTED, "k", 0),
    ]
    await watch.aclose()


@pytest.mark.parametrize("kind", ["m", "u", "d", "s", "e"])
async def test_books_that_redis_evicts_do_not_make_it_show_what_is_not_there(process, server, kind):
    for key in "abc":
        await process.cache.set("n", key, b"old", "t", 3600 * 10**9, ANY)
    await process.cache.delete("n", "c")
    server.run("DEL", f"blrcs:cache:{kind}:{{n}}")
    assert await process.value("c") is None
    await process.set(b"new", "a")
    await process.cache.flush("n")
    for key in "abc":
        assert await process.value(key) is None
    figures = await process.cache.figures("n")
    assert (figures.entries, figures.size_bytes) == (0, 0)
    await process.set(b"new", "a")
    assert await process.value("a") == b"new"


@pytest.mark.parametrize("kind", ["m", "u", "s"])
async def test_a_namespace_has_all_its_room_after_redis_has_evicted_its_books(
    server, connect, kind
):
    process = Process(await connect(server.url()), max_entries=3, max_bytes=15)
    for key in "abc":
        await process.set(b"old", key)
    server.run("DEL", f"blrcs:cache:{kind}:{{n}}")
    for key in "def":
        await process.set(b"new", key)
    assert [await process.value(key) for key in "abcdef"] == [None] * 3 + [b"new"] * 3
    figures = await process.cache.figures("n")
    assert (figures.entries, figures.size_bytes) == (3, 15)


async def test_a_namespace_without_books_is_freed(server, connect):
    process = Process(await connect(server.url()), max_namespaces=1)
    await process.set(b"1")
    server.run("DEL", "blrcs:cache:m:{n}")
    while await process.cache.reclaim():
        pass
    assert ENTRY not in server.run("KEYS", "*")
    await process.cache.set("other", "k", b"1", "t", None, ANY)


async def test_scripts_that_are_dropped_are_loaded_again(process, server):
    for number in range(5):
        server.run("SCRIPT", "FLUSH")
        await process.set(b"%d" % number)
        server.run("SCRIPT", "FLUSH")
        assert await process.value() == b"%d" % number


async def test_where_redis_has_no_memory_left_all_goes_on_but_filling_it(connect):
    with redis({"maxmemory-policy": "noeviction"}) as server:
        process = Process(await connect(server.url()))
        await process.set(b"1")
        server.run("CONFIG", "SET", "maxmemory", "1")
        for filling in (process.set(b"2"), process.cache.increment("n", "x", 1, None)):
            with pytest.raises(ResourceExhaustedError) as refused:
                await filling
            assert refused.value.reason == "REDIS_OUT_OF_MEMORY"
        assert await process.value() == b"1"
        assert (await process.cache.touch("n", "k", 60 * 10**9)).value == b"1"
        assert await process.cache.delete("n", "k") is True
        assert await process.cache.flush("n") == 0


async def test_reading_many_ends_before_the_answer_becomes_too_large(process, monkeypatch):
    monkeypatch.setattr("blrcs.cache.redis.store.MAX_BATCH_BYTES", 10)
    for key in "abcd":
        await process.set(b"12345", key)
    found = await process.cache.get_many("n", list("abcd"))
    assert [each.key for each in found] == ["a", "b", "c"]


async def test_databases_and_prefixes_keep_servers_apart(server, connect):
    processes = [
        Process(await connect(server.url())),
        Process(await connect(server.url(database=1))),
        Process(await connect(server.url(), key_prefix="other")),
    ]
    watches = [each.cache.watch("n", "") for each in processes]
    for watch in watches:
        await anext(watch)
    for number, each in enumerate(processes):
        await each.set(b"%d" % number)
    for number, each in enumerate(processes):
        assert await each.value() == b"%d" % number
    for watch in watches:
        assert (await anext(watch)).kind is CacheEventKind.SET
    await processes[0].cache.delete("n", "k")
    await processes[1].cache.flush("n")
    assert (await anext(watches[0])).kind is CacheEventKind.DELETED
    assert (await anext(watches[1])).kind is CacheEventKind.FLUSHED
    assert await processes[2].value() == b"2"
    for watch in watches:
        await watch.aclose()


async def test_watches_end_where_redis_does(process, server):
    async with listening(process.cache):
        watch = process.cache.watch("n", "")
        await anext(watch)
        server.stop()
        try:
            with pytest.raises(UnavailableError) as ended:
                await anext(watch)
            assert ended.value.reason == "CACHE_RESTARTING"
            with pytest.raises(UnavailableError):
                await anext(process.cache.watch("n", ""))
        finally:
            server.start()

        async def begun():
            watching = process.cache.watch("n", "")
            await anext(watching)
            return watching

        watching = await answered(begun)
        await process.set(b"1")
        assert (await anext(watching)).kind is CacheEventKind.SET
        await watching.aclose()


async def test_the_log_says_once_that_redis_is_away_and_once_that_it_is_back(process, server):
    async with listening(process.cache):
        await process.set(b"1")
        with structlog.testing.capture_logs() as log:
            server.stop()
            for _ in range(5):
                with pytest.raises(UnavailableError):
                    await process.set(b"1")
            server.start()
            await answered(process.value)
            await until(lambda: process.cache.near.good_until_ns > 0)
    assert [each["event"] for each in log] == ["Redis is away", "Redis is back"]


@pytest.mark.parametrize("way", ["kill", "pause"])
async def test_a_failover_never_shows_what_was_before(sentinels, connect, way):
    client = await connect(sentinels.url(), **QUICK)
    writer, reader = Process(client), Process(await connect(sentinels.url(), **QUICK))
    async with listening(writer.cache), listening(reader.cache):
        await writer.set(b"0")
        assert await reader.value() == b"0"
        old = sentinels.master()
        getattr(old, way)()
        number = acknowledged = 0
        refused = 0
        async with asyncio.timeout(60):
            while not (acknowledged and refused):
                number += 1
                try:
                    await writer.set(b"%d" % number)
                except UnavailableError:
                    refused += 1
                    await asyncio.sleep(0.02)
                else:
                    acknowledged = number
        reader.outlive_the_bound()
        found = await answered(reader.value)
        assert int(found or b"0") >= acknowledged
        if way == "pause":
            old.resume()
        await writer.set(b"last")
        await until(lambda: reader.cache.near.good_until_ns > 0)
        reader.outlive_the_bound()
        assert await answered(reader.value) == b"last"
