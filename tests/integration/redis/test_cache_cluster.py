"""The cache in a Cluster whose nodes come and go."""

import asyncio

import pytest

from blrcs.domain.cache_entry import CacheEventKind
from blrcs.domain.errors import UnavailableError
from tests.conformance.cache.worlds import listening, until
from tests.integration.redis.caches import ANY, Process
from tests.integration.redis.conftest import QUICK
from tests.integration.redis.test_cache import answered


@pytest.fixture
async def processes(cluster, connect):
    cluster.flush()
    found = [Process(await connect(cluster.url(), **QUICK)) for _ in range(2)]
    async with listening(found[0].cache), listening(found[1].cache):
        yield found


def slot_of(cluster, namespace):
    return int(cluster.nodes[0].run("CLUSTER", "KEYSLOT", f"{{{namespace}}}"))


async def test_a_namespace_that_moves_begins_empty_and_its_watches_end(cluster, processes):
    writer, reader = processes
    before = await writer.set(b"1")
    assert await reader.value() == b"1"
    watch = reader.cache.watch("n", "")
    await anext(watch)
    with cluster.moving(slot_of(cluster, "n")):
        pass
    with pytest.raises(UnavailableError) as ended:
        await anext(watch)
    assert ended.value.reason == "CACHE_RESTARTING"
    reader.outlive_the_bound()
    assert await answered(reader.value) is None
    assert await answered(lambda: writer.set(b"2")) > before
    assert await reader.value() == b"2"

    async def begun():
        watching = reader.cache.watch("n", "")
        await anext(watching)
        return watching

    watch = await answered(begun)
    await writer.cache.delete("n", "k")
    assert (await anext(watch)).kind is CacheEventKind.DELETED
    await watch.aclose()


async def test_a_watch_goes_where_its_namespace_has_gone_and_takes_no_other_along(
    cluster, processes
):
    writer, reader = processes
    source = cluster.master_of("{n}").port
    stays = next(
        name for name in map(str, range(1000)) if cluster.master_of(f"{{{name}}}").port == source
    )
    other = reader.cache.watch(stays, "")
    await anext(other)
    with cluster.moving(slot_of(cluster, "n")):
        pass
    # The reader has not asked about it since.
    watch = reader.cache.watch("n", "")
    await anext(watch)
    await answered(lambda: writer.set(b"1"))
    assert (await anext(watch)).kind is CacheEventKind.SET
    await watch.aclose()
    await writer.cache.set(stays, "k", b"1", "t", None, ANY)
    assert (await anext(other)).kind is CacheEventKind.SET
    await other.aclose()


async def test_a_namespace_whose_node_dies_never_shows_what_was_before(cluster, processes):
    writer, reader = processes
    await writer.set(b"0")
    assert await reader.value() == b"0"
    place = await writer.cache._client.master_of("{n}")
    (dying,) = [node for node in cluster.nodes if node.port == place.port]
    dying.kill()
    try:
        number = acknowledged = refused = 0
        async with asyncio.timeout(60):
            while not (refused and acknowledged):
                number += 1
                try:
                    await writer.set(b"%d" % number)
                except UnavailableError:
                    refused += 1
                    await asyncio.sleep(0.02)
                else:
                    acknowledged = number
        reader.outlive_the_bound()
        assert int(await answered(reader.value) or 0) >= acknowledged
        # Copies are made again, of what the successor has.
        await until(lambda: reader.cache.near.good_until_ns > 0)
        await reader.cache.feed._round()
        assert int(await answered(reader.value) or 0) >= acknowledged
        await until(reader.has_copy)
        await writer.set(b"last")
        await until(lambda: not reader.has_copy())
        assert await reader.value() == b"last"
    finally:
        dying.start()
