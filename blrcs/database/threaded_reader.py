"""Reads of a database on another machine that are done when they return."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Self, TypeVar

from blrcs.database.adapter import BlockingReader, DatabaseAdapter, Isolation, Operation
from blrcs.database.errors import unavailable
from blrcs.database.statement import Row, Statement

Result = TypeVar("Result")

DEFAULT_TIMEOUT_S = 5.0


class ThreadedReader(BlockingReader):
    """Has an adapter of its own read, on an event loop in a thread of its own.

    Args:
        loop: Runs in the thread, until the reader is closed.
        thread: That thread.
        adapter: Belongs to that loop; the reader closes it.
        timeout_s: How long a read may hold up its caller.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        thread: threading.Thread,
        adapter: DatabaseAdapter,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._loop = loop
        self._thread = thread
        self._adapter = adapter
        self._timeout_s = timeout_s

    @classmethod
    def open(
        cls,
        connect: Callable[[], Coroutine[Any, Any, DatabaseAdapter]],
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Self:
        """Opens an adapter by ``connect``, and raises what that does."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="database-reader", daemon=True)
        thread.start()
        try:
            adapter = asyncio.run_coroutine_threadsafe(connect(), loop).result()
        except BaseException:
            _end(loop, thread)
            raise
        return cls(loop, thread, adapter, timeout_s=timeout_s)

    def fetch_one(self, statement: Statement, /, **params: Any) -> Row | None:
        """See the port."""
        return self._wait(self._adapter.fetch_one(statement, **params))

    def fetch_all(self, statement: Statement, /, **params: Any) -> list[Row]:
        """See the port."""
        return self._wait(self._adapter.fetch_all(statement, **params))

    def run(self, operation: Operation[Result]) -> Result:
        """See the port."""
        return self._wait(
            self._adapter.run(operation, isolation=Isolation.REPEATABLE_READ, read_only=True)
        )

    def close(self) -> None:
        """Closes the adapter, and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._adapter.close(), self._loop).result()
        _end(self._loop, self._thread)

    def _wait(self, reading: Coroutine[Any, Any, Result]) -> Result:
        future = asyncio.run_coroutine_threadsafe(reading, self._loop)
        try:
            return future.result(self._timeout_s)
        except FutureTimeoutError as error:
            future.cancel()
            raise unavailable() from error


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
