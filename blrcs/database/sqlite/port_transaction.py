"""A transaction of SQLite as the port of databases has it."""

import itertools
import sqlite3
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn, TypeVar, cast

from blrcs.database import adapter
from blrcs.database.adapter import STREAMED_ROWS, Operation
from blrcs.database.sqlite.dialect import SQLITE
from blrcs.database.sqlite.errors import call_error, violation
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.statement import Bound, Column, Row, Statement

Result = TypeVar("Result")
Step = Callable[[Transaction], Any]


class PortTransaction(adapter.Transaction):
    """Runs statements wherever ``run`` has them run: here and now, or on the writer's thread."""

    def __init__(self, run: Callable[[Step], Awaitable[Any]]) -> None:
        self._run = run
        self._names = (f"s{number}" for number in itertools.count())

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        with told_as_the_port_does():
            changed: int = await self._run(lambda inner: inner.execute(statement, **params))
        return changed

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        with told_as_the_port_does():
            await self._run(lambda inner: inner.execute_many(statement, rows))

    async def execute_columns(self, statement: Statement, columns: Sequence[Column]) -> None:
        """See the port."""
        with told_as_the_port_does():
            await self._run(lambda inner: inner.execute_columns(statement, columns))

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        with told_as_the_port_does():
            return await self._run(lambda inner: inner.fetch_one(statement, **params))

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        with told_as_the_port_does():
            rows: list[Row] = await self._run(lambda inner: inner.fetch_all(statement, **params))
        return rows

    async def stream(self, statement: Statement, /, **params: Any) -> AsyncGenerator[Row]:
        """See the port."""
        make_row = statement.compiled(SQLITE).make_row
        with told_as_the_port_does():
            cursor = await self._run(lambda inner: inner.open_cursor(statement, params))
        try:
            while True:
                with told_as_the_port_does():
                    rows = await self._run(lambda inner: inner.read_on(cursor, STREAMED_ROWS))
                if not rows:
                    return
                for row in rows:
                    yield make_row(row)
        finally:
            cursor.close()

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """See the port."""
        name = next(self._names)
        with told_as_the_port_does():
            await self._run(lambda inner: inner.begin_savepoint(name))
        try:
            yield
        except BaseException:
            await self._run(lambda inner: inner.end_savepoint(name, keep=False))
            raise
        with told_as_the_port_does():
            await self._run(lambda inner: inner.end_savepoint(name, keep=True))


class InPlaceTransaction(PortTransaction):
    """Runs statements on the thread that asks: as above, without what a detour costs.

    Others use the connection after it, or commit on it, so whoever has kept it is refused once it
    has ended.
    """

    def __init__(self, inner: Transaction) -> None:
        super().__init__(self._step)
        self._inner = inner

    def end(self) -> None:
        """Whatever is asked of it from here on is refused."""
        self._inner = ENDED

    async def _step(self, step: Step) -> Any:
        return step(self._inner)

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        try:
            return self._inner.execute(statement, **params)
        except sqlite3.Error as error:
            _tell(error)

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        try:
            self._inner.execute_many(statement, rows)
        except sqlite3.Error as error:
            _tell(error)

    async def execute_columns(self, statement: Statement, columns: Sequence[Column]) -> None:
        """See the port."""
        try:
            self._inner.execute_columns(statement, columns)
        except sqlite3.Error as error:
            _tell(error)

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        try:
            return self._inner.fetch_one(statement, **params)
        except sqlite3.Error as error:
            _tell(error)

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        try:
            return self._inner.fetch_all(statement, **params)
        except sqlite3.Error as error:
            _tell(error)


class _Ended:
    """In the place of a transaction: has nothing of one any more."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("the transaction has ended")


ENDED = cast(Transaction, _Ended())


class _Here(threading.local):
    """Whether an operation runs on this thread; none runs within another."""

    runs = False


_here = _Here()


def carry_out(operation: Operation[Result], statements: Transaction) -> Result:
    """What an operation gives that runs here and now, and waits for nothing but its transaction.

    Raises:
        RuntimeError: It waits for something else.
    """
    transaction = InPlaceTransaction(statements)
    _here.runs = True
    try:
        return _run_to_its_end(operation(transaction))
    finally:
        _here.runs = False
        transaction.end()


def require_outside() -> None:
    """RuntimeError within an operation, which has one transaction and no other."""
    if _here.runs:
        raise RuntimeError("an operation uses nothing of the database but its transaction")


def _run_to_its_end(coroutine: Coroutine[Any, Any, Result]) -> Result:
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: Result = ended.value
        return result
    coroutine.close()
    raise RuntimeError("an operation waits for nothing but its transaction")


@contextmanager
def told_as_the_port_does() -> Iterator[None]:
    """Turns SQLite's errors into those that the port names."""
    try:
        yield
    except sqlite3.Error as error:
        _tell(error)


def _tell(error: sqlite3.Error) -> NoReturn:
    told: Exception = error
    if isinstance(error, sqlite3.IntegrityError):
        told = violation(error)
    elif isinstance(error, sqlite3.OperationalError):
        told = call_error(error)
    if told is error:
        raise error
    raise told from error
