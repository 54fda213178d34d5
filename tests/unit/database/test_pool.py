import asyncio
import random

import pytest

from blrcs.database.pool import Pool, PoolLimits
from blrcs.domain.deadline import call_deadline_ns
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError


class Connection:
    """What a pool holds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True

    def __repr__(self) -> str:
        return f"<{self.number}>"


class Server:
    """Opens connections, at once or when it is told to."""

    def __init__(self) -> None:
        self.opened: list[Connection] = []
        self.closed: list[Connection] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.refuses = False

    async def connect(self) -> Connection:
        await self.answers.wait()
        if self.refuses:
            raise UnavailableError("DATABASE_UNAVAILABLE", "refused")
        connection = Connection(len(self.opened))
        self.opened.append(connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        assert connection.is_open, "closed twice"
        connection.is_open = False
        self.closed.append(connection)


class Observer:
    def __init__(self) -> None:
        self.lent = 0
        self.most = 0
        self.opens: list[bool] = []
        self.waits: list[int] = []
        self.waiters = 0
        self.closes: list[bool] = []
        self.refused = 0

    def in_use(self, change: int) -> None:
        self.lent += change
        self.most = max(self.most, self.lent)

    def opened(self, *, overflow: bool) -> None:
        self.opens.append(overflow)

    def closed(self, *, broken: bool) -> None:
        self.closes.append(broken)

    def waiting(self, change: int) -> None:
        self.waiters += change

    def waited(self, duration_ns: int) -> None:
        self.waits.append(duration_ns)

    def exhausted(self) -> None:
        self.refused += 1


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def observer() -> Observer:
    return Observer()


def make(
    server: Server,
    observer: Observer,
    *,
    size: int = 1,
    overflow: int = 0,
    linger_s: float = 0,
    timeout_s: float = 30,
) -> Pool[Connection]:
    return Pool(
        server.connect,
        server.disconnect,
        is_usable=lambda connection: connection.is_open,
        limits=PoolLimits(size=size, overflow=overflow, linger_s=linger_s, timeout_s=timeout_s),
        observer=observer,
    )


@pytest.fixture
def pool(server: Server, observer: Observer) -> Pool[Connection]:
    """A pool of one connection."""
    return make(server, observer)


async def start(pool: Pool[Connection]) -> asyncio.Task[Connection]:
    """A caller that takes a connection, as far as it gets at once."""
    task = asyncio.create_task(pool.take())
    await turn()
    return task


async def turn() -> None:
    """All that is ready to run does."""
    for _ in range(5):
        await asyncio.sleep(0)


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
