"""What a server does beside its calls, again and again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import structlog

from blrcs.domain.errors import PASSING

Work = Callable[[], Awaitable[object]]

log = structlog.get_logger("blrcs.housekeeping")


class Housekeeping:
    """Runs work in tasks of its own, until the stack is left."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._outages = _Outages()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs it beside all else."""
        task = asyncio.create_task(work)
        self._stack.push_async_callback(_cancel, task)

    def repeat(self, period_s: float, work: Work) -> None:
        """Does it once in each period; where it fails it is tried again in the next one.

        That a dependency cannot be reached, or not in time, is logged once, however many works
        need it, and that it can again.
        """
        self.run(self._repeat(period_s, work))

    async def _repeat(self, period_s: float, work: Work) -> None:
        while True:
            await asyncio.sleep(period_s)
            try:
                await work()
            except PASSING as error:
                self._outages.met(work, error.reason)
            except Exception:
                log.exception("housekeeping failed")
            else:
                self._outages.over_for(work)


class _Outages:
    """Which works wait for what."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[Work]] = {}

    def met(self, work: Work, reason: str) -> None:
        waiting = self._waiting.setdefault(reason, set())
        if not waiting:
            log.warning("housekeeping has to wait", reason=reason)
        waiting.add(work)

    def over_for(self, work: Work) -> None:
        for reason, waiting in self._waiting.items():
            if work in waiting:
                waiting.remove(work)
                if not waiting:
                    log.info("housekeeping goes on", reason=reason)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
