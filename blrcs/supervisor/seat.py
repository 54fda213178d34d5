"""One place among the processes of a server, whoever has it."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from blrcs.supervisor.process import WorkerProcess
from blrcs.workers.handover import STACKS, SUCCEEDED, Started

log = structlog.get_logger("blrcs.supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a supervisor waits for its processes.

    Attributes:
        first_delay_s: From a death to the next process.
        longest_delay_s: The same, where it has doubled with every death.
        settled_s: One that has served for so long did not die of its start: the next begins after
            the first delay again.
        start_s: For one that takes another's place to serve.
        end_s: For one that has been told to end, the grace of its calls included.
        hang_s: For one that serves and does not beat, or starts and is stopped; none for ever.
        stacks_s: For one that hangs to say where, before it is killed.
    """

    end_s: float
    first_delay_s: float = 0.1
    longest_delay_s: float = 10.0
    settled_s: float = 10.0
    start_s: float = 300.0
    hang_s: float | None = None
    stacks_s: float = 1.0


class Seat:
    """A worker, or the keeper of the cache, whichever process it is. Belongs to the running loop.

    Args:
        name: What the log calls it.
        process: Its first process.
        spawn: Starts another one.
        recover: Puts right what a process that has ended left in the shared memory.
        patience: How long it waits.
        ending: The signal at which its process ends for good.
        on_change: Told when the seat has begun to be served, or ceased, or has another process.
    """

    def __init__(
        self,
        name: str,
        process: WorkerProcess,
        spawn: Callable[[], WorkerProcess],
        *,
        recover: Callable[[], None],
        patience: Patience,
        ending: signal.Signals = signal.SIGTERM,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._spawn = spawn
        self._recover = recover
        self._on_change = on_change
        self._patience = patience
        self._ending = ending
        self._processes: set[WorkerProcess] = set()
        self._changing = asyncio.Lock()
        self._abandoned: set[WorkerProcess] = set()
        self._process = self._begun(process)
        self._serves = self._is_late = False

    @property
    def process(self) -> WorkerProcess:
        """Who has it, or had it last."""
        return self._process

    @property
    def is_served(self) -> bool:
        """Whether calls of new connections are answered."""
        return self._serves and not self._is_late

    def watched(self) -> Iterable[WorkerProcess]:
        """Those that start, serve or drain."""
        return list(self._processes)

    def set_late(self, process: WorkerProcess, *, now: bool) -> None:
        """Says whether it is for some time that its process has not been heard of."""
        if process is self._process and self._serves and now != self._is_late:
            log.warning(self._named("is late" if now else "goes on"), process=process.process_id)
            self._is_late = now
            self._on_change()

    def abandon(self, process: WorkerProcess, why: str) -> bool:
        """Kills one that does nothing, once it has said where; False if that is under way."""
        if process in self._abandoned:
            return False
        log.error(self._named(f"{why} and is killed"), process=process.process_id)
        self._abandoned.add(process)
        process.send_signal(STACKS)
        asyncio.get_running_loop().call_later(
            self._patience.stacks_s, process.send_signal, signal.SIGKILL
        )
        return True

    async def started(self) -> Started | None:
        """What its first process says once it serves; None if it ends before."""
        started = await self._process.started()
        self._set_served(now=started is not None)
        return started

    async def keep(self) -> None:
        """Starts another process whenever the seat's dies, after delays that grow."""
        loop = asyncio.get_running_loop()
        delay_s = self._patience.first_delay_s
        while True:
            process, since = self._process, loop.time()
            code = await process.exited()
            if self._process is not process:  # it has been replaced
                continue
            self._set_served(now=False)
            if loop.time() - since > self._patience.settled_s:
                delay_s = self._patience.first_delay_s
            log.error(self._named("died"), process=process.process_id, code=code, next_in_s=delay_s)
            while self._process is process:
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, self._patience.longest_delay_s)
                await self._revive(process, delay_s)

    async def replace(self) -> bool:
        """Has another process take the place, and ends the one before; False if none starts."""
        async with self._changing:
            old = self._process
            if not await self._succeed():
                return False
        await self._end(old, SUCCEEDED)
        return True

    def reload(self) -> None:
        """Has whoever serves it read the configuration again."""
        for process in self._processes:
            process.reload()

    async def end(self) -> None:
        """Ends all of its processes; accepted calls may finish."""
        await asyncio.gather(*(self._end(each, self._ending) for each in self._processes))

    async def _revive(self, dead: WorkerProcess, delay_s: float) -> None:
        async with self._changing:
            if self._process is not dead:
                return
            if await self._succeed():
                log.info(self._named("started"), process=self._process.process_id)
            else:
                log.error(self._named("does not start"), next_in_s=delay_s)

    async def _succeed(self) -> bool:
        """Starts another process, and gives it the place once it serves."""
        try:
            successor = self._begun(self._spawn())
        except OSError:
            log.exception("no process can be started")
            return False
        try:
            started = await asyncio.wait_for(successor.started(), self._patience.start_s)
        except TimeoutError:
            log.error(self._named("takes too long to start"), process=successor.process_id)  # noqa: TRY400
            successor.send_signal(signal.SIGKILL)
            started = None
        if started is None:
            await successor.exited()
            return False
        self._process = successor
        self._set_served(now=True)
        return True

    def _begun(self, process: WorkerProcess) -> WorkerProcess:
        self._processes.add(process)
        process.on_exit(partial(self._ended, process))
        return process

    def _ended(self, process: WorkerProcess) -> None:
        self._processes.discard(process)
        self._abandoned.discard(process)
        self._recover()

    async def _end(self, process: WorkerProcess, number: signal.Signals) -> None:
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.exited(), self._patience.end_s)
        except TimeoutError:
            log.error(self._named("does not end and is killed"), process=process.process_id)  # noqa: TRY400
            process.send_signal(signal.SIGKILL)
            await process.exited()

    def _set_served(self, *, now: bool) -> None:
        self._serves, self._is_late = now, False
        self._on_change()

    def _named(self, what: str) -> str:
        return f"{self._name} {what}"
