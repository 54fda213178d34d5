import asyncio

import pytest

from blrcs.database.pool import Pool
from blrcs.domain.deadline import call_deadline_ns
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from tests.unit.database.pool.world import Connection, Observer, Server, make, start, turn

# Waiting ------------------------------------------------------------------------------------------


async def test_who_waits_longest_is_served_first(pool: Pool[Connection]) -> None:
    connection = await pool.take()
    waiting = [await start(pool) for _ in range(3)]
    for served in range(3):
        pool.give_back(connection)
        await turn()
        assert [task.done() for task in waiting] == [number <= served for number in range(3)]
    pool.give_back(connection)
    assert pool.in_use == 0


async def test_who_comes_late_does_not_overtake(pool: Pool[Connection]) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    pool.give_back(connection)
    late = await start(pool)
    assert waiting.done()
    assert not late.done()
    pool.give_back(connection)
    assert await late is connection


async def test_who_waits_opens_one_where_another_broke(
    pool: Pool[Connection], server: Server
) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    pool.discard(connection)
    assert (await waiting).number == 1
    assert pool.in_use == 1


async def test_nobody_waits_longer_than_the_time_out(server: Server, observer: Observer) -> None:
    pool = make(server, observer, timeout_s=0.01)
    connection = await pool.take()
    with pytest.raises(ResourceExhaustedError) as caught:
        await pool.take()
    assert caught.value.reason == "POOL_EXHAUSTED"
    assert caught.value.retry_after_ns
    pool.give_back(connection)
    assert await pool.take() is connection


async def test_nobody_waits_longer_for_one_that_is_opened(
    server: Server, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blrcs.database.pool.LEAST_CONNECT_S", 0)
    pool = make(server, observer, timeout_s=0.01)
    server.answers.clear()
    with pytest.raises(UnavailableError) as caught:
        await pool.take()
    assert caught.value.reason == "DATABASE_UNAVAILABLE"
    assert pool.in_use == 0
    server.answers.set()
    assert (await pool.take()).number == 0


async def test_opening_one_may_take_a_moment_however_short_the_time_out(
    server: Server, observer: Observer
) -> None:
    pool = make(server, observer, timeout_s=0)
    server.answers.clear()
    taking = await start(pool)
    await asyncio.sleep(0.01)
    server.answers.set()
    assert (await taking).number == 0


@pytest.mark.parametrize(
    ("left_s", "patience_s"), [(None, 30), (100, 30), (10, 9.75), (1, 0.9), (0, 0)]
)
def test_a_caller_is_told_before_its_deadline(
    server: Server,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
    left_s: float | None,
    patience_s: float,
) -> None:
    monkeypatch.setattr("blrcs.database.pool.remaining_s", lambda: left_s)
    assert make(server, observer, timeout_s=30)._patience_s() == patience_s


async def test_a_caller_without_time_is_told_at_once(pool: Pool[Connection]) -> None:
    await pool.take()
    token = call_deadline_ns.set(0)
    with pytest.raises(ResourceExhaustedError):
        await pool.take()
    call_deadline_ns.reset(token)


async def test_those_who_gave_up_are_forgotten(server: Server, observer: Observer) -> None:
    pool = make(server, observer, timeout_s=0.01)
    await pool.take()
    cancelled = [await start(pool) for _ in range(10)]
    for task in cancelled:
        task.cancel()
    await asyncio.wait(cancelled)
    await asyncio.wait([await start(pool) for _ in range(10)])
    assert not pool._waiters


# Cancelled callers --------------------------------------------------------------------------------


async def test_one_that_waits_loses_nothing(pool: Pool[Connection]) -> None:
    connection = await pool.take()
    waiting, next_ = await start(pool), await start(pool)
    waiting.cancel()
    await turn()
    pool.give_back(connection)
    assert await next_ is connection


async def test_one_that_was_just_served_passes_it_on(pool: Pool[Connection]) -> None:
    connection = await pool.take()
    waiting, next_ = await start(pool), await start(pool)
    pool.give_back(connection)
    waiting.cancel()
    assert await next_ is connection
    assert waiting.cancelled()


async def test_one_that_was_just_served_gives_it_back(pool: Pool[Connection]) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    pool.give_back(connection)
    waiting.cancel()
    await turn()
    assert pool.in_use == 0
    assert await pool.take() is connection


async def test_one_that_was_just_served_closes_it_where_the_pool_was_closed(
    pool: Pool[Connection], server: Server
) -> None:
    connection = await pool.take()
    waiting = await start(pool)
    pool.give_back(connection)
    waiting.cancel()
    await pool.close()
    assert waiting.cancelled()
    assert server.closed == [connection]
    assert pool.in_use == 0


async def test_one_that_was_just_served_closes_it_where_it_is_one_too_many(
    server: Server, observer: Observer
) -> None:
    pool = make(server, observer, size=1, overflow=1)
    first, second = await pool.take(), await pool.take()
    waiting = await start(pool)
    pool.give_back(first)
    waiting.cancel()
    await turn()
    assert server.closed == [first]
    pool.give_back(second)
    assert pool.in_use == 0


async def test_one_that_was_just_given_leave_to_connect_passes_it_on(
    pool: Pool[Connection], server: Server
) -> None:
    connection = await pool.take()
    waiting, next_ = await start(pool), await start(pool)
    pool.discard(connection)
    waiting.cancel()
    assert (await next_).number == 1
    pool.give_back(next_.result())
    assert pool.in_use == 0


async def test_one_that_connects_makes_room(pool: Pool[Connection], server: Server) -> None:
    server.answers.clear()
    connecting, waiting = await start(pool), await start(pool)
    connecting.cancel()
    server.answers.set()
    assert (await waiting).number == 0
    assert pool.in_use == 1


# Failing connects ---------------------------------------------------------------------------------


async def test_what_connecting_raises_the_caller_gets(
    pool: Pool[Connection], server: Server
) -> None:
    server.refuses = True
    for _ in range(3):
        with pytest.raises(UnavailableError, match="refused"):
            await pool.take()
    assert pool.in_use == 0
    server.refuses = False
    await pool.take()


async def test_each_of_those_who_wait_tries(pool: Pool[Connection], server: Server) -> None:
    server.answers.clear()
    server.refuses = True
    waiting = [await start(pool) for _ in range(3)]
    server.answers.set()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(end) for end in ends] == ["refused"] * 3
    assert pool.in_use == 0
