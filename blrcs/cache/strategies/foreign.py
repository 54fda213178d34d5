"""Awaiting somebody else's code in a task that has to go on."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from blrcs.domain.errors import UnavailableError

Result = TypeVar("Result")


async def foreign(work: Awaitable[Result], reason: str, message: str) -> Result:
    """The work's result, where what was cancelled within it is an error, and no end of this task.

    A client whose channel is closed, or a task that somebody else cancels, ends work so.

    Raises:
        UnavailableError: The work was cancelled, and this task was not.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        awaiting = asyncio.current_task()
        if awaiting is None or awaiting.cancelling():
            raise
        raise UnavailableError(reason, message) from error
