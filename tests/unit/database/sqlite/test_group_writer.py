"""The writer on a database in memory; a gate holds its thread while a group gathers."""

import asyncio
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.sqlite.group_writer import GroupWriter
from blrcs.database.statement import Statement
from blrcs.domain.errors import ResourceExhaustedError, UnavailableError

numbers = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))
ADD = Statement(sa.insert(numbers))
ADD_TEXT = ADD.compiled(SQLITE).sql
PATIENCE_SECONDS = 20
ALL = Statement(sa.select(numbers).order_by(numbers.c.n))


class RecordingConnection:
    """A connection that notes its statements, and fails those it is told to."""

    def __init__(self):
        self._connection = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
        self._connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT")
        self.log = []
        self.failures = {}
        self.closed = False

    @property
    def in_transaction(self):
        return self._connection.in_transaction

    def execute(self, sql, params=()):
        self.log.append(sql.split()[0])
        if failure := self.failures.pop(sql, None):
            if failure.ends_transaction:
                self._connection.execute("ROLLBACK")
            raise failure.error
        return self._connection.execute(sql, params)

    def rows(self):
        return [n for (n,) in self._connection.execute("SELECT n FROM numbers ORDER BY n")]

    def close(self):
        self.closed = True

    def end(self):
        """Closes the real connection; until then its rows can be looked at."""
        self._connection.close()


class Failure:
    def __init__(self, code=sqlite3.SQLITE_IOERR, *, error=None, ends_transaction=False):
        self.error = error or sqlite3.OperationalError("disk I/O error")
        self.error.sqlite_errorcode = code
        self.ends_transaction = ends_transaction


class Gate:
    """An operation that keeps the writer's thread busy until it is opened."""

    def __init__(self):
        self._entered = threading.Event()
        self._opened = threading.Event()

    def __call__(self, _transaction):
        self._entered.set()
        assert self._opened.wait(PATIENCE_SECONDS)

    async def entered(self):
        assert await asyncio.to_thread(self._entered.wait, PATIENCE_SECONDS)

    def open(self):
        self._opened.set()


@pytest.fixture
def connection():
    made = RecordingConnection()
    yield made
    made.end()


@pytest.fixture
async def writer(connection):
    writer = GroupWriter(connection, group_size=4, queue_size=6)
    yield writer
    await asyncio.to_thread(writer.close)


@pytest.fixture
async def gate(writer):
    gate = Gate()
    held = writer.submit(gate)
    await gate.entered()
    yield gate
    gate.open()
    await asyncio.wait([held], timeout=PATIENCE_SECONDS)


def add(n):
    return lambda transaction: transaction.execute(ADD, n=n)


def add_and_raise(n, error):
    def operation(transaction):
        transaction.execute(ADD, n=n)
        raise error

    return operation


async def result(future):
    """The result; fails where none comes, instead of waiting for ever."""
    return await asyncio.wait_for(future, PATIENCE_SECONDS)


async def outcomes(*futures):
    return await result(asyncio.gather(*futures, return_exceptions=True))


async def test_an_operation_gets_its_own_result(writer, gate):
    futures = [writer.submit(lambda _, n=n: n * n) for n in range(3)]
    gate.open()

    assert await outcomes(*futures) == [0, 1, 4]


async def test_what_is_queued_shares_one_commit_up_to_the_size_of_a_group(writer, gate, connection):
    futures = [writer.submit(add(n)) for n in range(6)]
    gate.open()
    await outcomes(*futures)

    begins = [i for i, word in enumerate(connection.log) if word == "BEGIN"]
    sizes = [
        connection.log[begin:end].count("INSERT")
        for begin, end in zip(begins, [*begins[1:], None], strict=True)
    ]
    assert sizes == [0, 4, 2]
    assert connection.log.count("COMMIT") == 3


async def test_a_caller_is_told_only_after_the_commit(writer, gate, connection):
    future = writer.submit(add(1))
    told = []
    future.add_done_callback(lambda _: told.append(list(connection.log)))
    gate.open()
    await result(future)

    assert told[0][-1] == "COMMIT"
    assert told[0].count("COMMIT") == 2


async def test_a_group_wakes_its_loop_once(writer, gate, monkeypatch):
    loop = asyncio.get_running_loop()
    wake_ups = []
    call = loop.call_soon_threadsafe

    def count(callback, *args, **kwargs):
        wake_ups.append(callback)
        return call(callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    futures = [writer.submit(add(n)) for n in range(4)]
    gate.open()
    await outcomes(*futures)

    assert len(wake_ups) == 2  # the gate's group, and this one


async def test_one_that_raises_undoes_itself_alone(writer, gate, connection):
    error = ValueError("no")
    futures = [
        writer.submit(add(1)),
        writer.submit(add_and_raise(2, error)),
        writer.submit(add(1)),
        writer.submit(add(3)),
    ]
    gate.open()
    first, second, third, fourth = await outcomes(*futures)

    assert (first, fourth) == (1, 1)
    assert second is error
    assert isinstance(third, sqlite3.IntegrityError)
    assert connection.rows() == [1, 3]


async def test_later_operations_of_a_group_see_earlier_ones(writer, gate):
    writer.submit(add(7))
    rows = writer.submit(lambda transaction: transaction.fetch_all(ALL))
    row = writer.submit(lambda transaction: transaction.fetch_one(ALL))
    gate.open()

    assert [each.n for each in await result(rows)] == [7]
    assert (await result(row)).n == 7


async def test_an_operation_may_go_on_after_a_conflict(writer, connection):
    await result(writer.submit(add(1)))

    def operation(transaction):
        with pytest.raises(sqlite3.IntegrityError):
            transaction.execute(ADD, n=1)
        return transaction.execute(ADD, n=2)

    assert await result(writer.submit(operation)) == 1
    assert connection.rows() == [1, 2]


async def test_no_operation_of_a_failed_commit_succeeds(writer, gate, connection):
    futures = [writer.submit(add(n)) for n in range(3)]
    futures.append(writer.submit(lambda _: connection.failures.update(COMMIT=Failure())))
    gate.open()

    for outcome in await outcomes(*futures):
        assert isinstance(outcome, UnavailableError)
        assert isinstance(outcome.__cause__, sqlite3.OperationalError)
    assert connection.rows() == []


@pytest.mark.parametrize("sql", ["BEGIN IMMEDIATE", "SAVEPOINT operation", "RELEASE operation"])
async def test_a_group_whose_transaction_cannot_be_held_fails_whole(writer, gate, connection, sql):
    connection.failures[sql] = Failure(sqlite3.SQLITE_BUSY)
    futures = [writer.submit(add(1)), writer.submit(add(2))]
    gate.open()

    for outcome in await outcomes(*futures):
        assert isinstance(outcome, UnavailableError)
    assert connection.rows() == []
    assert await result(writer.submit(add(3))) == 1


@pytest.mark.parametrize("sql", ["BEGIN IMMEDIATE", "COMMIT"])
async def test_one_alone_whose_transaction_cannot_be_held_fails(writer, connection, sql):
    connection.failures[sql] = Failure(sqlite3.SQLITE_BUSY)

    (outcome,) = await outcomes(writer.submit(add(1)))

    assert isinstance(outcome, UnavailableError)
    assert connection.rows() == []
    assert await result(writer.submit(add(2))) == 1


async def test_one_alone_that_raises_leaves_nothing(writer, connection):
    error = ValueError("no")

    def operation(transaction):
        transaction.execute(ADD, n=1)
        raise error

    (outcome,) = await outcomes(writer.submit(operation))
    assert outcome is error
    assert await result(writer.submit(add(2))) == 1
    assert connection.rows() == [2]


async def test_one_alone_fails_when_sqlite_ends_its_transaction(writer, connection):
    connection.failures[ADD_TEXT] = Failure(sqlite3.SQLITE_FULL, ends_transaction=True)

    (outcome,) = await outcomes(writer.submit(add(1)))

    assert isinstance(outcome, UnavailableError)
    assert await result(writer.submit(add(2))) == 1
    assert connection.rows() == [2]


async def test_memory_that_runs_out_fails_the_group_and_spares_the_thread(writer, connection):
    connection.failures["COMMIT"] = Failure(error=MemoryError())

    (outcome,) = await outcomes(writer.submit(add(1)))

    assert isinstance(outcome, UnavailableError)
    assert await result(writer.submit(add(2))) == 1
    assert connection.rows() == [2]


async def test_a_group_fails_whole_when_sqlite_ends_its_transaction(writer, gate, connection):
    connection.failures[ADD_TEXT] = Failure(sqlite3.SQLITE_FULL, ends_transaction=True)
    futures = [
        writer.submit(lambda transaction: transaction.fetch_all(ALL)),
        writer.submit(add(1)),
        writer.submit(add(2)),
    ]
    gate.open()

    for outcome in await outcomes(*futures):
        assert isinstance(outcome, UnavailableError)
    assert connection.rows() == []


async def test_a_full_disk_in_one_operation_is_told_as_unavailable_to_it_alone(
    writer, gate, connection
):
    connection.failures[ADD_TEXT] = Failure(sqlite3.SQLITE_FULL)
    futures = [writer.submit(add(1)), writer.submit(add(2))]
    gate.open()
    full, fine = await outcomes(*futures)

    assert isinstance(full, UnavailableError)
    assert fine == 1
    assert connection.rows() == [2]


@pytest.mark.parametrize("error", [StopIteration("odd"), SystemExit(1), KeyboardInterrupt()])
async def test_odd_exceptions_reach_the_caller_and_spare_the_thread(writer, error):
    (outcome,) = await outcomes(writer.submit(add_and_raise(1, error)))

    assert isinstance(outcome, BaseException)
    assert await result(writer.submit(add(1))) == 1


async def test_a_full_queue_refuses(writer, gate):
    futures = [writer.submit(add(n)) for n in range(6)]

    with pytest.raises(ResourceExhaustedError) as refusal:
        writer.submit(add(6))

    assert refusal.value.retry_after_ns
    gate.open()
    assert await outcomes(*futures) == [1] * 6


async def test_an_operation_cancelled_while_queued_is_not_run(writer, gate, connection):
    cancelled, kept = writer.submit(add(1)), writer.submit(add(2))
    cancelled.cancel()
    gate.open()

    assert await result(kept) == 1
    assert connection.rows() == [2]


async def test_one_cancelled_while_it_runs_harms_nobody(writer, connection):
    gate = Gate()
    running = writer.submit(gate)
    await gate.entered()
    running.cancel()
    gate.open()

    assert await result(writer.submit(add(1))) == 1
    assert running.cancelled()


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(connection):
    writer = GroupWriter(connection, group_size=2)
    gate = Gate()
    writer.submit(gate)
    await gate.entered()
    futures = [writer.submit(add(n)) for n in range(5)]
    closing = asyncio.ensure_future(asyncio.to_thread(writer.close))
    gate.open()

    assert await outcomes(*futures) == [1] * 5
    await closing
    assert connection.closed
    with pytest.raises(UnavailableError):
        writer.submit(add(9))


def test_callers_on_a_loop_that_is_gone_do_not_stop_the_writer(connection):
    writer = GroupWriter(connection)
    gate = Gate()

    async def leave():
        writer.submit(gate)
        await gate.entered()

    asyncio.run(leave())
    gate.open()

    async def come():
        return await result(writer.submit(add(1)))

    assert asyncio.run(come()) == 1
    writer.close()
