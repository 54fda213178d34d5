"""A database whose slow statements are told."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from time import monotonic_ns
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import (
    BlockingReader,
    DatabaseAdapter,
    Isolation,
    Operation,
    Point,
    Reads,
    Transaction,
)
from blrcs.database.dialect import Dialect
from blrcs.database.pool import PoolObserver
from blrcs.database.retry import DEFAULT_ATTEMPTS
from blrcs.database.statement import Bound, Column, Row, Statement

Result = TypeVar("Result")
Params = Mapping[str, Any]

MAX_NOTED = 4096

_waited: dict[int, tuple[int, int]] = {}
"""When a task was last given a connection, and how long it had waited for that; by its ``id``.

A task with the number of an earlier one began after that had ended, so what is noted since it began
is its own. A context variable would mark the task, so that it could serve no other call.
"""


class Watch(Protocol):
    """Is told of statements that took long, from whatever thread; neither raises nor waits.

    Attributes:
        least_ns: How long that is.
    """

    least_ns: int

    def note(
        self, statement: Statement, params: Params | None, duration_ns: int, rows: int | None
    ) -> None:
        """It took so long, and gave or changed so many rows; None where it came to no end."""


def waited_ns(since_ns: int) -> int:
    """How long the running task has waited for a connection since then."""
    at_ns, duration_ns = _waited.get(_running(), (0, 0))
    return duration_ns if at_ns >= since_ns else 0


def _running() -> int:
    try:
        return id(asyncio.current_task())
    except RuntimeError:  # a thread without a loop, which waits for no connection
        return 0


def noting_waits(observer: PoolObserver) -> PoolObserver:
    """An observer that remembers waits for the slow log, and tells another one of everything."""
    return _NotedWaits(observer)


class _NotedWaits:
    def __init__(self, observer: PoolObserver) -> None:
        self._tell = observer.waited
        self.in_use = observer.in_use
        self.opened = observer.opened
        self.closed = observer.closed
        self.waiting = observer.waiting
        self.exhausted = observer.exhausted
        self.circuit = observer.circuit

    def waited(self, duration_ns: int) -> None:
        if len(_waited) >= MAX_NOTED:
            _waited.clear()
        _waited[_running()] = monotonic_ns(), duration_ns
        self._tell(duration_ns)


class _Reads:
    """Reads, timed. While all are quick, that is two looks at the clock each.

    Written out and not put together, since each is on the road of a call.
    """

    def __init__(self, inner: Reads | Transaction, watch: Watch) -> None:
        self._watch = watch
        self._least_ns = watch.least_ns
        self._fetch_one = inner.fetch_one
        self._fetch_all = inner.fetch_all

    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        began_ns = monotonic_ns()
        try:
            row = await self._fetch_one(statement, **params)
        except BaseException:
            self._note(began_ns, statement, params, None)
            raise
        if monotonic_ns() - began_ns >= self._least_ns:
            self._note(began_ns, statement, params, int(row is not None))
        return row

    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        began_ns = monotonic_ns()
        try:
            rows = await self._fetch_all(statement, **params)
        except BaseException:
            self._note(began_ns, statement, params, None)
            raise
        if monotonic_ns() - began_ns >= self._least_ns:
            self._note(began_ns, statement, params, len(rows))
        return rows

    def _note(
        self, began_ns: int, statement: Statement, params: Params | None, rows: int | None
    ) -> None:
        duration_ns = monotonic_ns() - began_ns
        if duration_ns >= self._least_ns:
            self._watch.note(statement, params, duration_ns, rows)


class _Statements(_Reads):
    """The four ways to run a statement, timed."""

    def __init__(self, inner: DatabaseAdapter | Transaction, watch: Watch) -> None:
        super().__init__(inner, watch)
        self._execute = inner.execute
        self._execute_many = inner.execute_many

    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """See the port."""
        began_ns = monotonic_ns()
        try:
            count = await self._execute(statement, **params)
        except BaseException:
            self._note(began_ns, statement, params, None)
            raise
        if monotonic_ns() - began_ns >= self._least_ns:
            self._note(began_ns, statement, params, count)
        return count

    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """See the port."""
        began_ns = monotonic_ns()
        try:
            await self._execute_many(statement, rows)
        except BaseException:
            self._note(began_ns, statement, None, None)
            raise
        if monotonic_ns() - began_ns >= self._least_ns:
            self._note(began_ns, statement, None, len(rows))


class WatchedTransaction(_Statements, Transaction):
    """A transaction of a WatchedDatabase."""

    def __init__(self, inner: Transaction, watch: Watch) -> None:
        super().__init__(inner, watch)
        self._inner = inner

    async def execute_columns(self, statement: Statement, columns: Sequence[Column]) -> None:
        """See the port."""
        began_ns = monotonic_ns()
        try:
            await self._inner.execute_columns(statement, columns)
        except BaseException:
            self._note(began_ns, statement, None, None)
            raise
        if monotonic_ns() - began_ns >= self._least_ns:
            count = next(len(each) for each in columns if isinstance(each, list | range))
            self._note(began_ns, statement, None, count)

    async def stream(self, statement: Statement, /, **params: Any) -> AsyncGenerator[Row]:
        """See the port. What its reader takes between two rows does not count."""
        began_ns, count, done = monotonic_ns(), 0, None
        try:
            async with aclosing(self._inner.stream(statement, **params)) as rows:
                async for row in rows:
                    count += 1
                    given_ns = monotonic_ns()
                    yield row
                    began_ns += monotonic_ns() - given_ns
            done = count
        finally:
            self._note(began_ns, statement, params, done)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """See the port."""
        return self._inner.savepoint()


class WatchedDatabase(_Statements, DatabaseAdapter):
    """An adapter that tells a watch of slow statements; all else is as in the one that it wraps.

    Args:
        inner: Any adapter; it is closed with this one.
        watch: Is told.
    """

    def __init__(self, inner: DatabaseAdapter, watch: Watch) -> None:
        super().__init__(inner, watch)
        self._inner = inner
        self.reader = None if inner.reader is None else WatchedReader(inner.reader, watch)
        self.is_shared = inner.is_shared
        self._stale = self if inner.stale is inner else WatchedReads(inner.stale, watch)

    @property
    def stale(self) -> Reads:
        """See the port."""
        return self._stale

    @property
    def dialect(self) -> Dialect:
        """See the port."""
        return self._inner.dialect

    @property
    def is_free(self) -> bool:
        """See the port."""
        return self._inner.is_free

    @asynccontextmanager
    async def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AsyncIterator[Transaction]:
        """See the port."""
        async with self._inner.transaction(isolation=isolation, read_only=read_only) as inner:
            yield WatchedTransaction(inner, self._watch)

    async def run(
        self,
        operation: Operation[Result],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        read_only: bool = False,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> Result:
        """See the port."""
        return await self._inner.run(
            lambda inner: operation(WatchedTransaction(inner, self._watch)),
            isolation=isolation,
            read_only=read_only,
            attempts=attempts,
        )

    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """See the port."""
        await self._inner.define(*elements)

    async def check(self) -> None:
        """See the port."""
        await self._inner.check()

    async def close(self) -> None:
        """See the port."""
        await self._inner.close()


class WatchedReads(_Reads, Reads):
    """Reads that may be of a moment ago, from wherever the database has them."""

    def __init__(self, inner: Reads, watch: Watch) -> None:
        super().__init__(inner, watch)
        self._snapshot = inner.snapshot

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """See Reads."""
        async with self._snapshot() as inner:
            yield WatchedTransaction(inner, self._watch)


class WatchedReader(BlockingReader):
    """A reader that tells of slow statements."""

    def __init__(self, inner: BlockingReader, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        began_ns = monotonic_ns()
        row = self._inner.fetch_one(statement, **params)
        if (duration_ns := monotonic_ns() - began_ns) >= self._watch.least_ns:
            self._watch.note(statement, params, duration_ns, int(row is not None))
        return row

    def finder(self, statement: Statement, *names: str) -> Callable[..., Row | None]:
        """See the port."""
        inner, watch = self._inner.finder(statement, *names), self._watch

        def find(*values: Any) -> Row | None:
            began_ns = monotonic_ns()
            row = inner(*values)
            if (duration_ns := monotonic_ns() - began_ns) >= watch.least_ns:
                params = dict(zip(names, values, strict=True))
                watch.note(statement, params, duration_ns, int(row is not None))
            return row

        return find

    def point(self, statement: Statement, *names: str, clock: Clock) -> Point | None:
        """See the port."""
        found = self._inner.point(statement, *names, clock=clock)

        def note(values: tuple[str, str, str, int], duration_ns: int, rows: int) -> None:
            params = dict(zip(names, values, strict=True))
            self._watch.note(statement, params, duration_ns, rows)

        if found is not None:
            found.watch(self._watch.least_ns, note)
        return found

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        began_ns = monotonic_ns()
        rows = self._inner.fetch_all(statement, **params)
        if (duration_ns := monotonic_ns() - began_ns) >= self._watch.least_ns:
            self._watch.note(statement, params, duration_ns, len(rows))
        return rows

    def run(self, operation: Operation[Result]) -> Result:
        """See the port."""
        return self._inner.run(lambda inner: operation(WatchedTransaction(inner, self._watch)))
