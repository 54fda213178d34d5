"""Keeps the workers of a server running."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import structlog

from blrcs.supervisor.process import WorkerProcess
from blrcs.workers.handover import Started

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 10.0
SETTLED_S = 10.0
"""A worker that lived so long did not die of its start: the next begins without delay again."""
KILL_AFTER_S = 15.0
"""Beyond the grace of calls: what a worker has to close what it opened."""

log = structlog.get_logger("blrcs.supervisor")

Spawn = Callable[[int, bool], WorkerProcess]
"""Starts the worker of a seat, from 0, which is told whether it is the first of all."""


class WorkerFailedError(Exception):
    """A worker did not come to accept calls; it has said why on standard error."""


class _Seat:
    """One of the workers, or the keeper of the cache, whichever process it is now."""

    def __init__(
        self, name: str, process: WorkerProcess, begin: Callable[[], WorkerProcess]
    ) -> None:
        self.died = f"{name} died"
        self.started = f"{name} started"
        self.process = process
        self.begin = begin


class Supervisor:
    """Starts workers, and starts others where some die. Belongs to the running loop.

    Args:
        count: How many.
        spawn: Starts one.
        spawn_keeper: Starts the process that keeps the cache, where there is one.
        recover: Puts right what a worker that has ended left in the shared memory.
        drain_grace_s: How long accepted calls have to finish when a worker is told to end.
    """

    def __init__(
        self,
        *,
        count: int,
        spawn: Spawn,
        spawn_keeper: Callable[[], WorkerProcess] | None = None,
        recover: Callable[[], None],
        drain_grace_s: float,
    ) -> None:
        self._count = count
        self._spawn = spawn
        self._spawn_keeper = spawn_keeper
        self._recover = recover
        self._longest_drain_s = drain_grace_s + KILL_AFTER_S
        self._seats: list[_Seat] = []
        self._processes: set[WorkerProcess] = set()
        self._keepers: set[WorkerProcess] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._restarting = asyncio.Lock()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Started]:
        """Runs the workers; leaving the context drains them.

        The first is started alone: it does what is done once, and may find that nothing can start.

        Raises:
            WorkerFailedError: It did.
        """
        try:
            yield await self._start()
        finally:
            for task in self._tasks:
                task.cancel()
            await self._drain()

    def reload(self) -> None:
        """Has all workers read the configuration again."""
        for process in self._processes:
            process.reload()

    def restart(self) -> None:
        """Replaces all workers, one after another; each serves until its successor does."""
        self._run(self._restart())

    async def _start(self) -> Started:
        keepers = []
        if self._spawn_keeper is not None:
            keepers.append(_Seat("keeper", self._begin_keeper(), self._begin_keeper))
        first = self._begin(0, first=True)
        started = await first.started()
        if started is None:
            raise WorkerFailedError
        others = [self._begin(number) for number in range(1, self._count)]
        self._seats = [
            _Seat("worker", process, partial(self._begin, number))
            for number, process in enumerate((first, *others))
        ]
        for seat in (*keepers, *self._seats):
            if await seat.process.started() is None:
                raise WorkerFailedError
            self._run(self._watch(seat))
        return started

    def _begin(self, number: int, *, first: bool = False) -> WorkerProcess:
        process = self._spawn(number, first)
        self._processes.add(process)
        return process

    def _begin_keeper(self) -> WorkerProcess:
        assert self._spawn_keeper is not None  # noqa: S101 - asked only where there is one
        process = self._spawn_keeper()
        self._keepers.add(process)
        return process

    async def _watch(self, seat: _Seat) -> None:
        """Starts another process whenever the seat's dies, after delays that grow."""
        loop = asyncio.get_running_loop()
        delay_s = FIRST_DELAY_S
        while True:
            process, since = seat.process, loop.time()
            code = await process.exited()
            self._processes.discard(process)
            self._keepers.discard(process)
            self._recover()
            if seat.process is not process:  # it has been replaced
                continue
            if loop.time() - since > SETTLED_S:
                delay_s = FIRST_DELAY_S
            log.error(seat.died, process=process.process_id, code=code, next_in_s=delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)
            if seat.process is process:
                try:
                    seat.process = seat.begin()
                except OSError:
                    log.exception("no process can be started")
                    continue
                if await seat.process.started() is not None:
                    log.info(seat.started, process=seat.process.process_id)

    async def _restart(self) -> None:
        async with self._restarting:
            for seat in self._seats:
                successor = await self._successor(seat)
                if successor is None:
                    log.error("rolling restart given up: a new worker does not start")
                    return
                old, seat.process = seat.process, successor
                await self._end(old)
                self._recover()
            log.info("workers replaced", count=self._count)

    async def _successor(self, seat: _Seat) -> WorkerProcess | None:
        """Another process for a seat, once it serves; None where it does not come to that."""
        try:
            successor = seat.begin()
        except OSError:
            log.exception("no process can be started")
            return None
        if await successor.started() is not None:
            return successor
        self._processes.discard(successor)
        self._recover()
        return None

    async def _drain(self) -> None:
        await asyncio.gather(*map(self._end, self._processes))
        # Last, since calls that finish may want the cache.
        await asyncio.gather(*map(self._end, self._keepers))

    async def _end(self, process: WorkerProcess) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.exited(), self._longest_drain_s)
        except TimeoutError:
            log.error("worker does not end and is killed", process=process.process_id)  # noqa: TRY400
            process.send_signal(signal.SIGKILL)
            await process.exited()

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
