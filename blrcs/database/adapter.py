"""The port that every database stands behind.

An adapter runs statements; what differs between databases ends here. ``blrcs.testing`` has the
conformance suite that an adapter has to pass.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import sqlalchemy as sa

from blrcs.application.ports.announcer import Announcer
from blrcs.application.ports.clock import Clock
from blrcs.database.dialect import Dialect
from blrcs.database.retry import DEFAULT_ATTEMPTS, retry
from blrcs.database.statement import Bound, Column, Row, Statement, rows_of

Result = TypeVar("Result")

STREAMED_ROWS = 256
"""How many rows of a stream come together."""


class Isolation(Enum):
    """What a transaction sees of others that run at the same time (SQL-92, section 4.28).

    A database gives at least what is asked; SQLite's are always serializable.
    """

    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"
    SERIALIZABLE = "SERIALIZABLE"


class Transaction(ABC):
    """A transaction that has begun. For one task at a time.

    Each method raises:
        IntegrityViolationError: A constraint forbids it. The transaction can go on only from a
            savepoint that was set before.
        SerializationError: Another transaction is in the way; nothing of this one stays, and as a
            whole it may succeed if it is run again.
        UnavailableError: The database cannot be reached, or cannot write.
        OutcomeUnknownError: It was lost before it said whether what was to last is written. Of a
            transaction only the end of the block raises it.
        TypeError: Parameters are missing, or there are some that the statement does not have.
        RuntimeError: It has ended.
    """

    @abstractmethod
    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """Runs it and returns the number of rows that it changed, or found for a change."""

    @abstractmethod
    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """Runs it once for each row of parameters, in as few exchanges as the driver can.

        Rows may be tuples too, with values for all of the statement's parameters in their order:
        for an insert of ``insert_into`` or ``upsert``, the columns of the table.
        """

    async def execute_columns(self, statement: Statement, columns: Sequence[Column]) -> None:
        """As ``execute_many``, of rows as tuples, which are given column by column.

        One column at least has a value for each row.
        """
        await self.execute_many(statement, rows_of(columns))

    @abstractmethod
    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row, or None where there is none."""

    @abstractmethod
    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows."""

    @abstractmethod
    def stream(self, statement: Statement, /, **params: Any) -> AsyncGenerator[Row]:
        """All rows, a few at a time, for results that are too large for the memory.

        Until they are read to their end, or the generator is closed (``contextlib.aclosing``), the
        transaction runs no other statement: not every database can.
        """

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone where it raises; the transaction goes on from before it."""


Operation = Callable[[Transaction], Coroutine[Any, Any, Result]]


class Point(Protocol):
    """Finds the one value of a statement without a row around it."""

    def __call__(self, first: str, second: str, third: str, /) -> bytes | None:
        """The value; None where there is no row, or where the database does not answer."""
        ...

    def watch(
        self, least_ns: int, note: Callable[[tuple[str, str, str, int], int, int], None], /
    ) -> None:
        """Has told of what takes so long: its values, nanoseconds, and rows."""
        ...


class BlockingReader(ABC):
    """Reads that hold up the thread until they are done.

    For what guards have to know before they decide, and which changes so seldom that others can
    wait for it: the access policy, limits, revocations. Methods raise what those of DatabaseAdapter
    do.
    """

    @abstractmethod
    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row of what is committed, or None where there is none."""

    def finder(self, statement: Statement, *names: str) -> Callable[..., Row | None]:
        """What does as ``fetch_one`` for values of the parameters of these names, in their order.

        For a statement that is run at nearly every call. Its columns may have no names in the row.
        """

        def find(*values: Any) -> Row | None:
            return self.fetch_one(statement, **dict(zip(names, values, strict=True)))

        return find

    def point(self, statement: Statement, *names: str, clock: Clock) -> Point | None:
        """What does as ``finder`` for one value, by three texts and the time as the last parameter.

        None where the database has nothing that is quicker than ``finder``.
        """
        del statement, names, clock
        return None

    @abstractmethod
    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows of what is committed."""

    @abstractmethod
    def run(self, operation: Operation[Result]) -> Result:
        """Runs an operation that only reads; all that it reads is of one moment."""


class Reads(ABC):
    """Reads of what is committed, each of one moment. Methods raise what DatabaseAdapter's do."""

    @abstractmethod
    async def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """The first row of what is committed, or None where there is none."""

    @abstractmethod
    async def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """All rows of what is committed."""

    @abstractmethod
    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that only reads, for the length of a block: all of it is of one moment."""


class DatabaseAdapter(Reads):
    """A database of some kind, open. Belongs to the event loop that it was opened on.

    Attributes:
        reader: Its reads for those who cannot wait; None where waiting is all that it can.
        is_shared: Whether other machines may write to it.
        announcer: By which servers on it tell each other; None where it has no such thing.

    Methods raise what those of Transaction do, and beside that:
        ResourceExhaustedError: No connection became free in time.
    """

    reader: BlockingReader | None = None
    is_shared: bool = True
    announcer: Announcer | None = None

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """What statements are compiled for."""

    @property
    def is_free(self) -> bool:
        """Whether a read that begins now waits for nobody else to give back a connection.

        False as well where it would be refused at once.
        """
        return True

    @abstractmethod
    async def execute(self, statement: Statement, /, **params: Any) -> int:
        """As Transaction.execute, in a transaction of its own: durable when it returns."""

    @abstractmethod
    async def execute_many(self, statement: Statement, rows: Sequence[Bound]) -> None:
        """As Transaction.execute_many, in a transaction of its own: all rows or none."""

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """See Reads."""
        return self.transaction(read_only=True)

    @property
    def stale(self) -> Reads:
        """Reads that may be of a moment ago, for who says so: from replicas, where there are any.

        A call still sees what it has written itself, and what its caller's token stands for.
        """
        return self

    @abstractmethod
    def transaction(
        self,
        *,
        isolation: Isolation = Isolation.REPEATABLE_READ,
        read_only: bool = False,
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for the length of a block: committed at its end, undone where it raises.

        The block may wait for other things, though what it holds keeps others waiting. Where the
        commit itself meets another transaction, leaving the block raises SerializationError.
        """

    async def run(
        self,
        operation: Operation[Result],
        *,
        isolation: Isolation = Isolation.SERIALIZABLE,
        read_only: bool = False,
        attempts: int = DEFAULT_ATTEMPTS,
    ) -> Result:
        """Runs an operation in a transaction, and again where another transaction is in the way.

        The operation waits for nothing but its transaction, and leaves no effect elsewhere, since
        it may run several times. Between attempts there is a pause with jitter.

        Raises:
            ConflictError: The last attempt failed like those before it.
        """

        async def attempt() -> Result:
            async with self.transaction(isolation=isolation, read_only=read_only) as transaction:
                return await operation(transaction)

        return await retry(attempt, attempts)

    @abstractmethod
    async def define(self, *elements: sa.schema.ExecutableDDLElement) -> None:
        """Runs definitions, such as ``sqlalchemy.schema.CreateTable(table)``, in their order.

        For tests and tools: a server's own tables come by migrations. Not every database can undo
        those that went before one that fails.
        """

    @abstractmethod
    async def check(self) -> None:
        """Returns where the database answers; UnavailableError or ResourceExhaustedError if not."""

    @abstractmethod
    async def close(self) -> None:
        """Lets what runs end, and closes all connections. A second call does nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
