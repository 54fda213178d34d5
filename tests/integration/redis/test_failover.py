import asyncio

import pytest

from blrcs.domain.errors import UnavailableError
from blrcs.redis.script import Script
from tests.integration.redis.conftest import QUICK
from tests.servers.redis import NODES

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


async def counted(client, key, rounds=1000):
    """Counts until it can again; how often it could not."""
    refused = 0
    for _ in range(rounds):
        try:
            await client.run(ADD, [key], 1)
        except UnavailableError:
            refused += 1
            await asyncio.sleep(0.02)
        else:
            return refused
    raise AssertionError("it never came back")


async def test_keys_are_asked_for_where_they_are(cluster, connect):
    client = await connect(cluster.url(), **QUICK)
    keys = [f"key-{number}" for number in range(100)]
    assert await asyncio.gather(*[client.run(ADD, [key], 1) for key in keys]) == [1] * 100
    assert len(client.masters) == NODES


async def test_a_slot_that_moves_is_followed(cluster, connect):
    client = await connect(cluster.url(), **QUICK)
    await client.run(ADD, ["moving"], 5)
    slot = cluster.nodes[0].run("CLUSTER", "KEYSLOT", "moving").strip()
    with cluster.moving(int(slot)):
        pass
    assert await client.run(ADD, ["moving"], 1) == 6


async def test_keys_that_are_under_way_are_found(cluster, connect):
    client = await connect(cluster.url(), **QUICK)
    await client.run(ADD, ["stays"], 5)
    slot = cluster.nodes[0].run("CLUSTER", "KEYSLOT", "stays").strip()
    with cluster.moving(int(slot)) as carry:
        assert await client.run(ADD, ["stays"], 1) == 6
        carry("stays")
        assert await client.run(ADD, ["stays"], 1) == 7
    assert await client.run(ADD, ["stays"], 1) == 8


async def test_a_node_that_dies_has_a_successor(cluster, connect):
    client = await connect(cluster.url(), **QUICK)
    keys = [f"key-{number}" for number in range(30)]
    await asyncio.gather(*[client.run(ADD, [key], 1) for key in keys])
    dying = cluster.masters()[0]
    dying.kill()
    try:
        refused = await asyncio.gather(*[counted(client, key) for key in keys])
        assert any(refused)
    finally:
        dying.start()


@pytest.mark.parametrize("way", ["kill", "pause"])
async def test_sentinels_name_another_master(sentinels, connect, way):
    client = await connect(sentinels.url(), **QUICK)
    await client.run(ADD, ["n"], 1)
    old = sentinels.master()
    getattr(old, way)()
    assert await counted(client, "n")
    assert sentinels.master() is not old
    if way == "pause":
        old.resume()
    assert await counted(client, "n") == 0
