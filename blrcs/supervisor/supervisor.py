"""Keeps the workers of a server running."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial

import structlog

from blrcs.supervisor.loans import Loans
from blrcs.supervisor.process import WorkerProcess
from blrcs.supervisor.recovery import Recovery
from blrcs.supervisor.seat import Patience, Seat
from blrcs.supervisor.watch import Signs, Watch
from blrcs.workers.handover import RELEASED, Started

log = structlog.get_logger("blrcs.supervisor")

Spawn = Callable[[int, bool], WorkerProcess]
"""Starts the worker of a seat, from 0, which is told whether it is the first of all."""


class WorkerFailedError(Exception):
    """A worker did not come to accept calls; it has said why on standard error."""


class Supervisor:
    """Starts workers, and starts others where some die. Belongs to the running loop.

    Args:
        count: How many.
        spawn: Starts one.
        spawn_keeper: Starts the process that keeps the cache, where there is one.
        recover: Puts right what processes that have ended left in the shared memory, and tells
            whether that was all; else it is called again.
        signs: By what those are found that hang.
        steer: Told which seats have a worker that serves, whenever that changes.
        queue: The descriptors of a seat's listening sockets, from which another worker accepts
            while the seat has none; none where there are none.
        close_ports: Called when no connection is to be accepted any more, after which neither
            `steer` nor `queue` is.
        patience: How long it waits.
    """

    def __init__(
        self,
        *,
        count: int,
        spawn: Spawn,
        spawn_keeper: Callable[[], WorkerProcess] | None = None,
        recover: Callable[[], bool],
        signs: Signs,
        steer: Callable[[Sequence[int]], None],
        queue: Callable[[int], Sequence[int]],
        close_ports: Callable[[], None],
        patience: Patience,
    ) -> None:
        self._count = count
        self._spawn = spawn
        self._spawn_keeper = spawn_keeper
        self._recover = Recovery(recover)
        self._signs = signs
        self._steer = steer
        self._steered: list[int] = []
        self._loans = Loans(queue)
        self._close_ports = close_ports
        self._is_ending = False
        self._patience = patience
        self._workers: list[Seat] = []
        self._keepers: list[Seat] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._restarting = asyncio.Lock()
        self._all_serve = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Started]:
        """Runs the workers; leaving the context drains them.

        The first is started alone: it does what is done once, and may find that nothing can start.

        Raises:
            WorkerFailedError: It did.
        """
        watching = self._watch()
        try:
            yield await self._start()
        finally:
            for task in self._tasks:
                task.cancel()
            self._is_ending = True
            # Who connects while calls finish would wait for that in a queue that nobody empties.
            self._close_ports()
            await asyncio.gather(*(seat.end() for seat in self._workers))
            # Last, since calls that finish may want the cache.
            await asyncio.gather(*(seat.end() for seat in self._keepers))
            if watching is not None:
                watching.cancel()

    def reload(self) -> None:
        """Has all workers read the configuration again."""
        for seat in self._workers:
            seat.reload()

    def restart(self) -> None:
        """Replaces all workers, one after another; each serves until its successor does.

        Once all have come to serve, where they are just starting.
        """
        self._run(self._restart())

    async def _start(self) -> Started:
        if self._spawn_keeper is not None:
            self._keepers.append(self._keeper(self._spawn_keeper))
        self._workers.append(self._worker(0, first=True))
        started = await self._workers[0].started()
        if started is None:
            raise WorkerFailedError
        self._workers += [self._worker(number) for number in range(1, self._count)]
        for seat in (*self._keepers, *self._workers):
            if await seat.started() is None:
                raise WorkerFailedError
            self._run(seat.keep())
        self._all_serve.set()
        return started

    def _watch(self) -> asyncio.Task[None] | None:
        if self._patience.hang_s is None:
            return None
        watch = Watch(self._patience.hang_s, lambda: (*self._workers, *self._keepers), self._signs)
        return asyncio.get_running_loop().create_task(watch.keep())

    def _keeper(self, spawn: Callable[[], WorkerProcess]) -> Seat:
        return Seat(
            "keeper",
            spawn(),
            spawn,
            recover=self._recover,
            patience=self._patience,
            ending=RELEASED,
        )

    def _worker(self, number: int, *, first: bool = False) -> Seat:
        return Seat(
            "worker",
            self._spawn(number, first),
            partial(self._spawn, number, False),  # noqa: FBT003 - Spawn's form
            recover=self._recover,
            patience=self._patience,
            on_change=self._say_who_serves,
        )

    def _say_who_serves(self) -> None:
        if self._is_ending:
            return
        seats = enumerate(self._workers)
        serving = {number: seat.process for number, seat in seats if seat.is_served}
        if self._steered != list(serving):
            self._steered = list(serving)
            self._steer(self._steered)
        self._loans.settle(serving)

    async def _restart(self) -> None:
        async with self._restarting:
            await self._all_serve.wait()
            for seat in self._workers:
                if not await seat.replace():
                    log.error("rolling restart given up: a new worker does not start")
                    return
            log.info("workers replaced", count=self._count)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
