"""Waiting for what others wait for too."""

import asyncio
from typing import TypeVar

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
        waiting = asyncio.current_task()
        if task.cancelled() and waiting is not None and not waiting.cancelling():
            raise unavailable() from None
        raise
