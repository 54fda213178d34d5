"""Waiting for what others wait for too."""

import asyncio
from typing import Any, TypeVar

from blrcs.redis.errors import unavailable

Result = TypeVar("Result")


async def joined(task: "asyncio.Task[Result]") -> Result:
    """The task's result. Who is cancelled leaves the task to those who wait for it as well.

    Raises:
        UnavailableError: The task was cancelled, and who waits was not.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # Everybody may have gone by the time that it fails: asyncio would log what nobody was told.
        task.add_done_callback(settle)
        waiting = asyncio.current_task()
        if task.cancelled() and waiting is not None and not waiting.cancelling():
            raise unavailable() from None
        raise


def settle(future: "asyncio.Future[Any]") -> None:
    """Takes note of a failure that others are told of, or nobody any more."""
    if not future.cancelled():
        future.exception()
