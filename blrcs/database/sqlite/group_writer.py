"""One thread that commits writes in groups."""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from blrcs.database.errors import closed, unavailable
from blrcs.database.sqlite.errors import call_error
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.sqlite.write_turn import WriteTurn
from blrcs.domain.errors import ResourceExhaustedError

Operation = Callable[[Transaction], Any]

DEFAULT_GROUP_SIZE = 256
DEFAULT_QUEUE_SIZE = 8192
FULL_RETRY_AFTER_NS = 100_000_000


class _Pending:
    """An operation, and the future that its caller awaits."""

    __slots__ = ("alone", "error", "future", "operation", "result")

    def __init__(self, operation: Operation, future: asyncio.Future[Any], *, alone: bool) -> None:
        self.operation = operation
        self.future = future
        self.alone = alone
        self.result: Any = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):
            # A future refuses it, and its caller would wait for ever (compare PEP 479).
            error = RuntimeError("operation raised StopIteration")
        self.error = error

    def settle(self) -> None:
        """Tells the caller. On the thread of the future's loop."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class GroupWriter:
    """Runs operations in the order in which they came, many to one commit.

    What is queued when the thread is free becomes one transaction, each of several operations
    inside a savepoint of its own: one that raises undoes only itself. Callers are told after COMMIT
    has returned, which with synchronous=FULL means that the log has been synced. Where COMMIT
    fails, nothing of the group stays, and all of it fails with UnavailableError; only where the
    machine dies before the next commit may the log still bring such a group back.

    A caller that is cancelled while it waits does not stop its operation, unless that is still
    queued: it may have been committed.

    Args:
        connection: In autocommit mode, usable from any thread. The writer closes it.
        turn: Taken for each commit, and closed with the connection; None where nobody else writes.
        group_size: At most this many operations share a commit.
        queue_size: At most this many wait.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        turn: WriteTurn | None = None,
        *,
        group_size: int = DEFAULT_GROUP_SIZE,
        queue_size: int = DEFAULT_QUEUE_SIZE,
    ) -> None:
        self._connection = connection
        self._turn = turn
        self._transaction = Transaction(connection)
        self._group_size = group_size
        self._queue_size = queue_size
        self._queue: deque[_Pending] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation, *, alone: bool = False) -> asyncio.Future[Any]:
        """Queues it; the future of the running loop gets its result.

        Args:
            operation: What to run.
            alone: Whether it shares its commit with no other, since it takes long.

        Raises:
            ResourceExhaustedError: The queue is full.
            UnavailableError: The writer is closed.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._closing:
                raise closed()
            if len(self._queue) >= self._queue_size:
                raise ResourceExhaustedError(
                    "WRITE_QUEUE_FULL",
                    "too many writes are waiting",
                    retry_after_ns=FULL_RETRY_AFTER_NS,
                )
            self._queue.append(_Pending(operation, future, alone=alone))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Refuses new operations, finishes those queued, and returns when the thread has ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while self._write_one_group():
            pass
        self._connection.close()
        if self._turn is not None:
            self._turn.close()

    def _write_one_group(self) -> bool:
        """Of which nothing is kept while the next is waited for. False: there will be none."""
        group = self._next_group()
        if not group:
            return False
        self._commit_in_turn([each for each in group if not each.future.cancelled()])
        _settle(group)
        return True

    def _next_group(self) -> list[_Pending]:
        """Waits for operations. Empty once the writer is closed and has none left."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            group: list[_Pending] = []
            while self._queue and len(group) < self._group_size:
                if self._queue[0].alone and group:
                    break
                group.append(self._queue.popleft())
                if group[-1].alone:
                    break
            return group

    def _commit_in_turn(self, group: list[_Pending]) -> None:
        if self._turn is None:
            self._commit(group)
        elif self._turn.take():
            try:
                self._commit(group)
            finally:
                self._turn.give_back()
        else:
            for pending in group:
                pending.error = unavailable()

    def _commit(self, group: list[_Pending]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            if len(group) == 1:
                self._attempt_alone(*group)
            else:
                for pending in group:
                    self._attempt(pending)
                self._connection.execute("COMMIT")
        except (sqlite3.Error, MemoryError) as error:
            for pending in group:
                pending.error = unavailable()
                pending.error.__cause__ = error
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")

    def _attempt_alone(self, pending: _Pending) -> None:
        """Runs the one operation of a transaction, and ends that.

        Without a savepoint, for which SQLite would keep every page as it was before.
        """
        try:
            pending.result = pending.operation(self._transaction)
        except BaseException as error:  # noqa: BLE001 - as in _attempt
            self._connection.execute("ROLLBACK")
            pending.fail(_told(error))
        else:
            self._connection.execute("COMMIT")

    def _attempt(self, pending: _Pending) -> None:
        """Runs one operation. Raises only what ends the transaction of the whole group."""
        self._connection.execute("SAVEPOINT operation")
        try:
            pending.result = pending.operation(self._transaction)
        except BaseException as error:  # noqa: BLE001
            # Whatever it is, its caller gets it and this thread lives on. Where SQLite has ended
            # the transaction by itself (a full disk may do that), there is no savepoint any more.
            self._connection.execute("ROLLBACK TO operation")
            pending.fail(_told(error))
        self._connection.execute("RELEASE operation")


def _told(error: BaseException) -> BaseException:
    if not isinstance(error, sqlite3.Error):
        return error
    told = call_error(error)
    if told is not error:
        told.__cause__ = error
    return told


def _settle(group: list[_Pending]) -> None:
    """Wakes each loop once for all of its futures."""
    loops = {pending.future.get_loop() for pending in group}
    for loop in loops:
        mine = [pending for pending in group if pending.future.get_loop() is loop]
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_settle_all, mine)


def _settle_all(group: list[_Pending]) -> None:
    for pending in group:
        pending.settle()
