"""Proofs of keys that machines remember together."""

import asyncio

import pytest

from blrcs.config.redis import Redis
from blrcs.database.repositories.spent_proofs import StoredSpentProofs
from blrcs.limits.redis_cells import RedisCells
from blrcs.limits.redis_proofs import RedisSpentProofs
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl

TTL_NS = 122 * 10**9


async def spend(spent, name="a/1", times=8):
    """How often it was taken, of so many times at once."""
    return (await asyncio.gather(*(spent.spend(name, TTL_NS) for _ in range(times)))).count(True)


@pytest.fixture
async def stored(store, clock):
    async with store.open() as (database, _):
        yield StoredSpentProofs(database, clock)


@pytest.fixture
def redis_url(redis_server):
    redis_server.flush()
    return redis_server.url()


async def redis_proofs(url, without):
    client = RedisClient(RedisUrl.parse(url), Redis(command_timeout="1m"))
    cells = RedisCells(client, "proofs", key_prefix="test:", timeout_s=30, retry_s=0.01)
    return RedisSpentProofs(cells, without), client, cells


async def test_the_database_takes_each_once(stored, clock):
    assert await spend(stored) == 1
    assert await spend(stored, "a/2") == 1
    clock.advance(TTL_NS)
    assert await stored.purge() == 2
    assert await spend(stored) == 1


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_redis_takes_each_once_and_the_database_without_it(stored, redis_url):
    for url, name, other in ((redis_url, "a/1", 1), ("redis://127.0.0.1:1", "a/2", 0)):
        spent, client, cells = await redis_proofs(url, stored)
        assert await spend(spent, name) == 1
        await cells.close()
        await client.close()
        assert await spend(stored, name) == other
