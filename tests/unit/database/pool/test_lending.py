import asyncio
import random

import pytest

from blrcs.database.pool import Pool
from blrcs.domain.errors import UnavailableError
from tests.unit.database.pool.world import Connection, Observer, Server, make, start, turn

# Lending ------------------------------------------------------------------------------------------


async def test_one_that_is_idle_is_lent_again(pool: Pool[Connection], server: Server) -> None:
    first = await pool.take()
    assert pool.in_use == 1
    pool.give_back(first)
    assert pool.in_use == 0
    assert await pool.take() is first
    assert len(server.opened) == 1


async def test_one_that_is_idle_can_be_taken_without_waiting(
    pool: Pool[Connection], server: Server, observer: Observer
) -> None:
    assert pool.take_idle() is None
    first = await pool.take()
    assert pool.take_idle() is None
    pool.give_back(first)
    assert pool.take_idle() is first
    assert observer.lent == pool.in_use == 1
    closing = asyncio.create_task(pool.close())
    await turn()
    assert not closing.done()
    assert pool.take_idle() is None
    pool.give_back(first)
    await closing


async def test_it_is_free_while_one_can_be_lent_or_opened(
    server: Server, observer: Observer
) -> None:
    pool = make(server, observer, size=1, overflow=1)
    assert pool.is_free
    first = await pool.take()
    assert pool.is_free
    second = await pool.take()
    assert not pool.is_free
    pool.give_back(first)
    assert pool.is_free
    pool.give_back(second)
    await pool.close()
    assert not pool.is_free


async def test_the_one_last_used_is_lent_first(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=2)
    first, second = await pool.take(), await pool.take()
    pool.give_back(second)
    pool.give_back(first)
    assert await pool.take() is first


async def test_one_that_ended_while_idle_is_passed_over(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=2)
    first, second = await pool.take(), await pool.take()
    pool.give_back(first)
    pool.give_back(second)
    second.is_open = False
    pool._disconnect = server.closed.append
    assert await pool.take() is first
    assert server.closed == [second]
    assert (await pool.take()).number == 2


async def test_one_that_is_broken_is_closed(pool: Pool[Connection], server: Server) -> None:
    first = await pool.take()
    pool.discard(first)
    assert server.closed == [first]
    assert pool.in_use == 0
    assert await pool.take() is not first


async def test_overflow_is_closed_after_use(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=1, overflow=1)
    first, second = await pool.take(), await pool.take()
    pool.give_back(first)
    assert server.closed == [first]
    pool.give_back(second)
    assert server.closed == [first]
    assert await pool.take() is second


async def test_overflow_serves_those_who_wait_before_it_is_closed(
    server: Server, observer: Observer
) -> None:
    pool = make(server, observer, size=1, overflow=1)
    first, second = await pool.take(), await pool.take()
    waiting = await start(pool)
    pool.give_back(first)
    assert await waiting is first
    pool.give_back(first)
    assert server.closed == [first]
    pool.give_back(second)
    assert pool.in_use == 0


async def test_overflow_stays_as_long_as_it_is_needed(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=1, overflow=2, linger_s=3600)
    for _ in range(2):
        taken = [await pool.take() for _ in range(3)]
        for connection in taken:
            pool.give_back(connection)
    assert (len(server.opened), server.closed) == (3, [])
    # Since the first of them came back all were lent, and are not spare for this time.
    pool._shrink()
    assert server.closed == []
    taken = [await pool.take() for _ in range(2)]
    for connection in taken:
        pool.give_back(connection)
    pool._shrink()
    assert len(server.closed) == 1
    assert server.closed[0] not in taken
    pool._shrink()
    assert len(server.closed) == 2
    assert pool._shrinking is None
    assert (await pool.take()).is_open


async def test_what_is_not_needed_goes_by_itself(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=1, overflow=1, linger_s=0.001)
    gone = asyncio.Event()
    pool._disconnect = lambda connection: (server.disconnect(connection), gone.set())
    taken = [await pool.take() for _ in range(2)]
    for connection in taken:
        pool.give_back(connection)
    await gone.wait()
    assert len(server.closed) == 1


async def test_a_closed_pool_closes_what_lingers(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=1, overflow=1, linger_s=3600)
    taken = [await pool.take() for _ in range(2)]
    for connection in taken:
        pool.give_back(connection)
    await pool.close()
    assert len(server.closed) == 2
    assert pool._shrinking is not None
    assert pool._shrinking.cancelled()


# Closing ------------------------------------------------------------------------------------------


async def test_closing_waits_for_those_that_are_lent(
    pool: Pool[Connection], server: Server
) -> None:
    connection = await pool.take()
    closing = asyncio.create_task(pool.close())
    await turn()
    assert not closing.done()
    pool.give_back(connection)
    await closing
    assert server.closed == [connection]


async def test_what_is_not_given_back_is_closed_under_its_holder(
    pool: Pool[Connection], server: Server
) -> None:
    connection = await pool.take()
    await pool.close(grace_s=0)
    assert server.closed == [connection]
    pool.give_back(connection)
    assert server.closed == [connection]
    assert pool.in_use == 0


async def test_closing_refuses_all_others(pool: Pool[Connection], server: Server) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    closing = asyncio.create_task(pool.close())
    with pytest.raises(UnavailableError):
        await waiting
    with pytest.raises(UnavailableError):
        await pool.take()
    pool.discard(connection)
    await closing
    await pool.close()
    assert server.closed == [connection]


async def test_closing_closes_those_that_are_idle(server: Server, observer: Observer) -> None:
    pool = make(server, observer, size=3)
    for connection in [await pool.take() for _ in range(3)]:
        pool.give_back(connection)
    await pool.close()
    assert sorted(each.number for each in server.closed) == [0, 1, 2]


# Anything at any time -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
async def test_nothing_is_lost_whatever_happens(seed: int) -> None:
    """Callers come, go, are cancelled and break connections in some order."""
    chance = random.Random(seed)
    server, observer = Server(), Observer()
    pool = make(server, observer, size=2, overflow=2)

    async def call() -> None:
        connection = await pool.take()
        try:
            await asyncio.sleep(0)
        finally:
            if chance.random() < 0.3:
                pool.discard(connection)
            else:
                pool.give_back(connection)

    tasks: list[asyncio.Task[None]] = []
    for _ in range(300):
        tasks.append(asyncio.create_task(call()))
        server.refuses = chance.random() < 0.1
        if chance.random() < 0.5:
            chance.choice(tasks).cancel()
        if chance.random() < 0.3:
            await asyncio.sleep(0)
    server.refuses = False
    await asyncio.wait(tasks)
    assert observer.most <= 4
    assert observer.lent == observer.waiters == pool.in_use == 0
    assert len(server.opened) - len(server.closed) <= 2
    await pool.close()
    assert len(server.opened) == len(server.closed)
