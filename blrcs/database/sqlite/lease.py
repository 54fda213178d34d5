"""The writer's transaction, lent to a task of the event loop."""

import asyncio
import queue
from collections.abc import Callable
from typing import Any, TypeVar

from blrcs.database.sqlite.transaction import Transaction
from blrcs.domain.errors import DomainError

Result = TypeVar("Result")
Step = Callable[[Transaction], Any]

IDLE_TIMEOUT_S = 30.0


class LeaseExpiredError(DomainError):
    """The transaction was left alone for so long that it was undone, since all writes wait."""

    code = "ABORTED"

    def __init__(self) -> None:
        super().__init__("TRANSACTION_IDLE", "the transaction was idle for too long and is undone")


class AbandonedError(Exception):
    """Undoes what the lease has written."""


class Lease:
    """One operation of the writer that does what it is told, a step at a time.

    ``serve`` is the operation, and runs on the writer's thread; all else belongs to the loop.

    Args:
        idle_timeout_s: How long it waits for the next step.
    """

    def __init__(self, *, idle_timeout_s: float = IDLE_TIMEOUT_S) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle_timeout_s = idle_timeout_s
        self._steps: queue.SimpleQueue[tuple[Step, asyncio.Future[Any]] | bool] = (
            queue.SimpleQueue()
        )
        self._current: asyncio.Future[Any] | None = None
        self._ended: BaseException | None = None
        self.begun = self._loop.create_future()

    def serve(self, transaction: Transaction) -> None:
        """Runs steps until the lease ends; raises what undoes them."""
        self._tell(self.begun, None, None)
        try:
            while True:
                step = self._steps.get(timeout=self._idle_timeout_s)
                if step is True:
                    return
                if step is False:
                    raise AbandonedError
                self._run(*step, transaction)
        except queue.Empty:
            raise LeaseExpiredError from None

    async def step(self, operation: Callable[[Transaction], Result]) -> Result:
        """Has the writer's thread run it within the transaction."""
        if self._ended is not None:
            raise self._ended
        self._current = self._loop.create_future()
        self._steps.put((operation, self._current))
        result: Result = await self._current
        return result

    def end(self, *, keep: bool) -> None:
        """Ends the operation: what it wrote is committed, or undone."""
        self._steps.put(keep)

    def served(self, operation: asyncio.Future[Any]) -> None:
        """The operation has ended, with its commit or by itself."""
        if operation.cancelled():
            return
        error = operation.exception()
        is_told = error is not None and not isinstance(error, AbandonedError)
        self._ended = error if is_told else RuntimeError("the transaction has ended")
        for each in (self.begun, self._current):
            if error is not None and each is not None and not each.done():
                each.set_exception(error)

    def _run(self, step: Step, future: asyncio.Future[Any], transaction: Transaction) -> None:
        if future.cancelled():
            return
        try:
            result = step(transaction)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task gets it
            self._tell(future, None, error)
        else:
            self._tell(future, result, None)

    def _tell(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        self._loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
