import asyncio

import pytest

from blrcs.database.pool import Pool
from blrcs.domain.errors import ResourceExhaustedError
from tests.unit.database.pool.world import Connection, Observer, Server, make, start, turn

# What is told -------------------------------------------------------------------------------------


async def test_use_and_overflow_are_told(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=2, overflow=1)
    server.answers.clear()
    connecting = [await start(pool) for _ in range(3)]
    assert observer.lent == 0
    server.answers.set()
    connections = await asyncio.gather(*connecting)
    assert observer.opens == [False, False, True]
    assert (observer.lent, observer.most, observer.waits) == (3, 3, [])
    for connection in connections[:2]:
        pool.give_back(connection)
    pool.discard(connections[2])
    assert observer.lent == 0
    assert observer.closes == [False, True]


async def test_why_connections_are_closed_is_told(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=1, overflow=1)
    spare, kept = await pool.take(), await pool.take()
    pool.give_back(spare)
    assert observer.closes == [False]
    pool.give_back(kept)
    await pool.close()
    assert observer.closes == [False, False]


async def test_what_ended_while_idle_is_told_as_broken(server: Server, observer: Observer) -> None:
    pool = make(server, observer)
    connection = await pool.take()
    pool.give_back(connection)
    pool._is_usable = lambda each: each is not connection
    assert await pool.take() is not connection
    assert observer.closes == [True]


async def test_waits_are_told(server: Server, observer: Observer) -> None:
    pool = make(server, observer, timeout_s=0.01)
    connection = await pool.take()
    with pytest.raises(ResourceExhaustedError):
        await pool.take()
    assert (len(observer.waits), observer.refused) == (1, 1)
    assert observer.waits[0] > 0
    waiting = await start(pool)
    assert observer.waiters == 1
    pool.give_back(connection)
    await waiting
    assert observer.waiters == 0
    assert (len(observer.waits), observer.refused) == (2, 1)
    assert observer.lent == 1


async def test_who_is_cancelled_has_used_nothing(
    pool: Pool[Connection], observer: Observer
) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    pool.give_back(connection)
    waiting.cancel()
    await turn()
    assert (observer.lent, observer.most, observer.refused) == (0, 1, 0)
    assert len(observer.waits) == 1
