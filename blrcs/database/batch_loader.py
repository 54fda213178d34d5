"""One query for the many keys that are asked for in the same tick of the loop."""

import asyncio
from collections.abc import Sequence
from contextvars import copy_context
from typing import Any

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.keyed_rows import KeyedRows
from blrcs.database.statement import Row
from blrcs.domain.consistency import Consistency, consistency
from blrcs.domain.deadline import call_deadline_ns, expect_within, remaining_s

View = tuple[tuple[str, ...], bool]
Waiters = dict[Any, "asyncio.Future[Row | None]"]


class BatchLoader:
    """Loads rows by their key. For all calls of a loop at the same time; keeps nothing.

    A key that several ask for in one tick is asked for once. What fails, fails for all of a batch;
    who is cancelled does not take the rest along. The query has the time of whoever waits longest.
    Reads that may be stale go together only where they have to see the same.

    Args:
        database: Where they are.
        rows: What is loaded, one row for each key.
        stale: Whether they may be of a moment ago; see ``DatabaseAdapter.stale``.
        max_batch: As many keys go into one query at most.
    """

    def __init__(
        self,
        database: DatabaseAdapter,
        rows: KeyedRows,
        *,
        stale: bool = False,
        max_batch: int = KeyedRows.max_keys,
    ) -> None:
        if not 1 <= max_batch <= KeyedRows.max_keys:
            raise ValueError(f"a batch has 1 to {KeyedRows.max_keys} keys")
        self._database = database
        self._rows = rows
        self._stale = stale
        self._max_batch = max_batch
        self._waiting: dict[View, _Batch] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def load(self, key: Any) -> Row | None:
        """The row of a key, or None where there is none.

        Raises:
            DomainError: See DatabaseAdapter.
        """
        return await asyncio.shield(self._ask(key))

    async def load_many(self, keys: Sequence[Any]) -> list[Row | None]:
        """The rows of keys, in the order of the keys.

        Raises:
            DomainError: See DatabaseAdapter.
        """
        asked = [self._ask(key) for key in keys]
        if asked:
            # Unlike gather, it cancels nothing that others wait for as well.
            await asyncio.wait(asked)
        return [each.result() for each in asked]

    def _ask(self, key: Any) -> "asyncio.Future[Row | None]":
        view = self._view()
        batch = self._waiting.get(view)
        if batch is None:
            batch = self._waiting[view] = _Batch(view)
            asyncio.get_running_loop().call_soon(self._send, view)
        return batch.ask(key, remaining_s())

    def _view(self) -> View:
        call = consistency.get() if self._stale else None
        return ((), False) if call is None else (call.tokens, call.has_written)

    def _send(self, view: View) -> None:
        batch = self._waiting.pop(view)
        asked = list(batch.waiters.items())
        context = copy_context()
        context.run(batch.enter)
        for begin in range(0, len(asked), self._max_batch):
            waiters = dict(asked[begin : begin + self._max_batch])
            task = asyncio.get_running_loop().create_task(self._load(waiters), context=context)
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _load(self, waiters: Waiters) -> None:
        source = self._database.stale if self._stale else self._database
        try:
            rows = await self._rows.fetch(source, self._database.dialect.name, list(waiters))
        except BaseException as error:
            for waiter in waiters.values():
                _fail(waiter, error)
            if not isinstance(error, Exception):
                raise
            return
        found = {self._rows.key_of(row): row for row in rows}
        for key, waiter in waiters.items():
            waiter.set_result(found.get(key))


class _Batch:
    """The keys of one tick, and who waits for them."""

    def __init__(self, view: View) -> None:
        self.waiters: Waiters = {}
        self._view = view
        self._patience_s: float | None = 0.0

    def ask(self, key: Any, left_s: float | None) -> "asyncio.Future[Row | None]":
        if left_s is None or self._patience_s is None:
            self._patience_s = None
        else:
            self._patience_s = max(self._patience_s, left_s)
        waiter = self.waiters.get(key)
        if waiter is None:
            waiter = self.waiters[key] = asyncio.get_running_loop().create_future()
        return waiter

    def enter(self) -> None:
        """Has the query run on behalf of all, and not of the one who happened to be first."""
        consistency.set(Consistency(*self._view))
        call_deadline_ns.set(None)
        expect_within(self._patience_s)


def _fail(waiter: "asyncio.Future[Row | None]", error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        waiter.cancel()
        return
    waiter.set_exception(error)
    waiter.exception()  # there may be nobody any more who asks for it
