"""What a server does beside its calls, again and again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import structlog

from blrcs.domain.errors import UnavailableError

Work = Callable[[], Awaitable[object]]

log = structlog.get_logger("blrcs.housekeeping")


class Housekeeping:
    """Runs work in tasks of its own, until the stack is left."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it beside all else."""
        task = asyncio.create_task(work)
        self._stack.push_async_callback(_cancel, task)

    def repeat(self, period_s: float, work: Work) -> None:
        """Does it once in each period; where it fails it is tried again in the next one.

        That a dependency cannot be reached is logged once, and that it can again.
        """
        self.run(_repeat(period_s, work))


async def _repeat(period_s: float, work: Work) -> None:
    is_away = False
    while True:
        await asyncio.sleep(period_s)
        try:
            await work()
        except UnavailableError as error:
            if not is_away:
                log.warning("housekeeping has to wait", reason=error.reason)
            is_away = True
        except Exception:
            log.exception("housekeeping failed")
        else:
            if is_away:
                log.info("housekeeping goes on")
            is_away = False


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
