"""Write-behind: a write is acknowledged when it is in a log on disk, and carried out later."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from blrcs.application.ports.cache import CacheStore
from blrcs.application.ports.write_sink import WriteSink
from blrcs.cache.strategies.backlog import Backlog
from blrcs.cache.strategies.delivery import NS_PER_S, Delivery, Pauses
from blrcs.cache.strategies.entries import Entries
from blrcs.cache.strategies.lag import Lag
from blrcs.cache.strategies.log.dead_letters import DeadLetters
from blrcs.cache.strategies.log.directory import LogDirectory
from blrcs.cache.strategies.log.errors import WriteLogUnwritableError, closed
from blrcs.cache.strategies.log.files import LogFiles
from blrcs.cache.strategies.log.recovery import Recovered, recover
from blrcs.cache.strategies.log.writer import LogWriter
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.cache.strategies.pending_write import PendingWrite
from blrcs.cache.strategies.resume import resume
from blrcs.cache.strategies.write_behind_options import WriteBehindOptions
from blrcs.cache.strategies.write_bounds import check_write
from blrcs.domain.errors import DomainError, ResourceExhaustedError
from blrcs.domain.logged_write import LoggedWrite

LAG_PERIOD_S = 1.0
RETRY_AFTER_NS = 100_000_000

log = structlog.get_logger("blrcs.cache")

Clock = Callable[[], int]


class WriteBehind:
    """Takes writes of whole values, by keys, and carries them out in the background.

    A write that was acknowledged is carried out: whatever becomes of the process or the machine, as
    long as the directory stays, and once only where the sink takes down what it has applied. Writes
    of one key are carried out in the order in which they were acknowledged. See Delivery for what
    happens to those that the sink refuses.

    One process writes a log; another that opens its directory is refused. It belongs to the event
    loop, which it never holds up: files are written by a thread of its own.
    """

    def __init__(
        self,
        namespace: str,
        options: WriteBehindOptions,
        metrics: StrategyMetrics,
        entries: Entries,
        backlog: Backlog,
        clock: Clock,
    ) -> None:
        self._namespace = namespace
        self._options = options
        self._metrics = metrics
        self._entries = entries
        self._backlog = backlog
        self._clock = clock
        self._emptied = asyncio.Event()
        self._lag = Lag(metrics, namespace)
        self._closing = False
        self._writer: LogWriter
        self._delivery: Delivery
        self._stack = AsyncExitStack()
        self._cannot_forget = False

    @classmethod
    async def open(
        cls,
        cache: CacheStore,
        namespace: str,
        directory: Path,
        sink: WriteSink,
        options: WriteBehindOptions | None = None,
        *,
        metrics: StrategyMetrics | None = None,
        clock: Clock = time.time_ns,
        monotonic: Clock = time.monotonic_ns,
        rand: Callable[[], float] = random.random,
    ) -> Self:
        """Opens a log, and goes on with what is in it.

        Args:
            cache: Whose entries are dropped when what they say is overwritten.
            namespace: Where they are.
            directory: The log's own, made where it is missing.
            sink: Where writes go.
            options: Bounds.
            metrics: Count.
            clock: Wall-clock nanoseconds.
            monotonic: Nanoseconds by which pauses are measured.
            rand: Numbers from 0 to 1, for jitter.

        Raises:
            WriteLogLockedError: Another process has the directory.
            WriteLogCorruptError: What was acknowledged cannot be read; nothing is changed.
            WriteLogUnwritableError: The disk refuses.
            Exception: What the sink or the cache raises, asked for what is applied.
        """
        options, metrics = options or WriteBehindOptions(), metrics or StrategyMetrics()
        entries, backlog = Entries(cache, namespace, clock=clock), Backlog()
        opened = cls(namespace, options, metrics, entries, backlog, clock)
        async with AsyncExitStack() as stack:
            held = await asyncio.to_thread(LogDirectory.hold, directory)
            stack.callback(held.close)
            recovered = await asyncio.to_thread(recover, directory)
            letters = DeadLetters(directory)
            set_aside = await asyncio.to_thread(letters.recover)
            name = recovered.identity.hex()
            applied = await sink.applied(name)
            # The files may be older than what the sink knows: no sequence is given twice.
            first = max(recovered.last, applied.up_to) + 1
            files = await asyncio.to_thread(_new_files, directory, recovered, first, options)
            opened._writer = LogWriter(files, opened._logged, clock=clock)
            stack.push_async_callback(asyncio.to_thread, opened._writer.close)
            opened._delivery = Delivery(
                sink,
                name,
                namespace,
                backlog,
                letters,
                finish=opened._finish,
                pauses=Pauses(options=options, monotonic=monotonic, random=rand),
                metrics=metrics,
            )
            done = resume(recovered, applied, set_aside, backlog, opened._delivery)
            # The process may have died before it could.
            await entries.drop_all({write.key for write in done})
            opened._writer.drop(backlog.done_up_to)
            for work in (opened._delivery.run(), opened._tell_lag()):
                task = asyncio.create_task(work)
                task.add_done_callback(_tell_end)
                stack.push_async_callback(_end, task)
            opened._stack = stack.pop_all()
        return opened

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def lag_entries(self) -> int:
        """Writes that are acknowledged and not carried out."""
        return len(self._backlog)

    async def put(self, key: str, value: bytes) -> int:
        """Logs a write, and returns its sequence when it is on disk.

        A caller that is cancelled does not know whether it will be carried out.

        Raises:
            ResourceExhaustedError: Too much is not carried out yet.
            OutcomeUnknownError: The disk failed, and may have the write: it is found when the log
                is opened anew.
            UnavailableError: The disk does not take it; or the log is closed, or not trusted any
                more until it is opened anew.
            InvalidArgumentError: The key or value is too long.
        """
        return await self._write(key, value)

    async def delete(self, key: str) -> int:
        """As ``put``, of there being no value."""
        return await self._write(key, None)

    def pending(self, key: str) -> PendingWrite | None:
        """The last write of a key that was acknowledged and is not carried out yet.

        What a read has to give instead of anything that is cached or stored.
        """
        write = self._backlog.latest(key)
        return None if write is None else PendingWrite(write.value)

    async def close(self) -> None:
        """Takes no more writes, and carries out what it can within the drain's time.

        What is left stays in the log, for the next that opens it. A second call does nothing.
        """
        if self._closing:
            return
        self._closing = True
        try:
            async with asyncio.timeout(self._options.drain_timeout_ns / NS_PER_S):
                while self._backlog or self._writer.waiting_writes:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            log.warning(
                "writes stay in the log until it is opened again",
                namespace=self._namespace,
                entries=len(self._backlog),
            )
        finally:
            await self._stack.aclose()

    async def _write(self, key: str, value: bytes | None) -> int:
        if self._closing:
            raise closed()
        check_write(key, value, self._options.max_value_bytes)
        self._admit()
        logged = self._metrics.logged
        try:
            write = await self._writer.append(key, value)
        except DomainError:
            logged.labels(self._namespace, "failed").inc()
            raise
        logged.labels(self._namespace, "logged").inc()
        return write.sequence

    def _admit(self) -> None:
        options, writer = self._options, self._writer
        entries = len(self._backlog) + writer.waiting_writes
        log_bytes = writer.log_bytes + writer.waiting_bytes
        if entries >= options.max_entries or log_bytes >= options.max_log_bytes:
            self._metrics.logged.labels(self._namespace, "refused").inc()
            raise ResourceExhaustedError(
                "WRITE_BEHIND_FULL",
                "too many writes wait to be carried out",
                retry_after_ns=RETRY_AFTER_NS,
            )

    def _logged(self, writes: Sequence[LoggedWrite]) -> None:
        for write in writes:
            self._backlog.add(write)
        if writes:
            self._delivery.wake()
        else:
            self._emptied.set()

    async def _finish(self, writes: Sequence[LoggedWrite]) -> bool:
        """Lets writes go, whose values reads then take from elsewhere."""
        try:
            await self._entries.drop_all({write.key for write in writes})
        except Exception as error:  # noqa: BLE001 - whatever a cache raises, writes wait for it
            if not self._cannot_forget:
                log.warning(
                    "the cache does not forget what was overwritten: writes stay pending",
                    namespace=self._namespace,
                    problem=str(error),
                )
            self._cannot_forget = True
            return False
        self._cannot_forget = False
        for write in writes:
            self._backlog.remove(write)
        self._writer.drop(self._backlog.done_up_to)
        if not self._backlog:
            self._emptied.set()
        return True

    async def _tell_lag(self) -> None:
        try:
            while True:
                self._lag.tell(self._backlog, self._clock())
                await asyncio.sleep(LAG_PERIOD_S)
        finally:
            self._lag.tell(self._backlog, self._clock())


def _new_files(
    directory: Path, recovered: Recovered, first: int, options: WriteBehindOptions
) -> LogFiles:
    try:
        return LogFiles.open(directory, recovered, first, segment_bytes=options.segment_bytes)
    except OSError as error:
        raise WriteLogUnwritableError(directory, f"cannot be used: {error.strerror}") from error


def _tell_end(task: asyncio.Task[None]) -> None:
    """Nobody else would notice until writes are refused."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a write-behind has stopped: its log has to be opened anew", exc_info=error)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
