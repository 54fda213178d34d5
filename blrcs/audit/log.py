"""The audit log of one process: takes records on the event loop, and writes them beside it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import structlog

from blrcs.application.ports.clock import Clock
from blrcs.audit.chain import Chain
from blrcs.audit.checkpoint import CHECKPOINT
from blrcs.audit.line import encoded
from blrcs.audit.retention import forget_restored, retire
from blrcs.domain.errors import DataLossError, UnavailableError
from blrcs.monitoring.refusals import MAX_KINDS, taken_records
from blrcs.resilience.pace import Pace
from blrcs_native.monitoring.refusal_folder import RefusalFolder

FLUSH_S = 0.25
"""For so long at most records that nobody waits for stay in memory, where many come."""
RETRY_S = 1.0
MAX_BUFFERED = 1_000

Values = Mapping[str, Any]
Record = tuple[int, bytes]
"""An instant, and what is recorded of it."""


class Observe(Protocol):
    """Takes what became of a group of records."""

    def __call__(self, written: int, *, failed: bool) -> None:
        """How many are durable now, and whether those of the group are not."""
        ...


def _ignore(written: int, *, failed: bool) -> None:
    del written, failed


log = structlog.get_logger("blrcs.audit")


class AuditOpenError(Exception):
    """The audit log cannot be written. Its text is one line for a terminal."""


class AuditLog:
    """Writes one chain, in groups: one sync for all records that came while the last one ran.

    Belongs to the running loop.

    Args:
        chain: Where records go; the log's from now on.
        clock: Tells when.
        observe: Told of each attempt to write.
        mirror: Takes each record too; None for nobody.
        flush_s: For so long at most a record that nobody waits for stays in memory.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        clock: Clock,
        observe: Observe = _ignore,
        mirror: Callable[[Values], None] | None = None,
        flush_s: float = FLUSH_S,
    ) -> None:
        self._chain = chain
        self._clock = clock
        self._observe = observe
        self._mirror = mirror
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "audit")
        self._records: list[Record] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._group: asyncio.Future[None] | None = None
        self._published = b""
        self._pace = Pace(time.monotonic_ns, busy_s=flush_s)
        self._failed = False
        self._closed = False
        self.refusals = RefusalFolder(self._flush_soon, capacity=MAX_KINDS)

    def require_writable(self) -> None:
        """Lets nothing begin that could not be recorded.

        Raises:
            UnavailableError: The last attempt to write failed. It is repeated every second.
        """
        if self._failed or self._closed:
            raise UnavailableError(
                "AUDIT_LOG_UNAVAILABLE", "what is done now could not be recorded"
            )

    def put(self, values: Values) -> None:
        """Has a record written soon."""
        self._add(values)
        if len(self._records) >= MAX_BUFFERED:
            self._start()
        else:
            self._flush_soon()

    async def commit(self, values: Values) -> None:
        """Has a record written now, and returns once it is on the disk.

        Raises:
            DataLossError: It cannot be. It is written as soon as that is possible again.
        """
        done = self._loop.create_future()
        self._add(values)
        if self._group is None and not self._waiting:
            # Whoever else is about to wait, such as those of the last group, shares the sync.
            self._loop.call_soon(self._start)
        self._waiting.append(done)
        await done

    def flush(self) -> None:
        """Has all that has come written."""
        self._start()

    async def checkpoint(self) -> None:
        """Signs what is not signed yet; OSError where that cannot be written."""
        await self.beside(self._sign)
        self._publish()

    async def retire(self, before_ns: int) -> None:
        """See retention."""
        await self.beside(lambda: retire(self._chain, before_ns))

    async def forget_restored(self, before_ns: int) -> None:
        """See retention; for one process of a server."""
        await self.beside(lambda: forget_restored(self._chain, before_ns))

    async def beside(self, work: Callable[[], object]) -> None:
        """Does something in the writing thread, between groups."""
        await self._loop.run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Writes what there is, signs it and lets the chain go."""
        self._closed = True
        while self._group is not None:
            await asyncio.wait([self._group])
        if self._timer is not None:
            self._timer.cancel()
        group = self._take()
        try:
            await self.beside(lambda: self._chain.append(group, sign=True))
        except OSError as error:
            log.exception("the audit log is not whole", exc_info=error)
        finally:
            self._thread.shutdown()
            self._chain.close()

    def _add(self, values: Values) -> None:
        now_ns = self._clock()
        try:
            record = encoded(values)
        except ValueError:
            record = encoded({**values, "request": None})
        self._records.append((now_ns, record))
        if self._mirror is not None:
            self._mirror(values)

    # One group after another ----------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if self._timer is None and self._group is None:
            self._timer = self._loop.call_later(
                RETRY_S if self._failed else self._pace.interval_s, self._start
            )

    def _start(self) -> None:
        """Writes all that has come, unless a group is being written: then it goes on with it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group is not None:
            return
        group, waiting = self._take(), self._waiting
        self._waiting = []
        self._group = asyncio.ensure_future(
            self._loop.run_in_executor(self._thread, self._write, group)
        )
        self._group.add_done_callback(lambda done: self._written(done, group, waiting))

    def _take(self) -> list[Record]:
        # While nothing can be written, refusals stay where they take no more room.
        if len(self.refusals) and not (self._failed and self._records):
            for count, values in taken_records(self.refusals, self._clock()):
                self._add(values)
                self._pace.wrote(count - 1)
        group, self._records = self._records, []
        self._pace.wrote(len(group))
        return group

    def _write(self, group: list[Record]) -> None:
        self._chain.append(group, sign=False)

    def _written(
        self,
        done: asyncio.Future[None],
        group: list[Record],
        waiting: list[asyncio.Future[None]],
    ) -> None:
        self._group = None
        error = done.exception()
        self._tell(error)
        self._observe(0 if error else len(group), failed=self._failed)
        self._publish()
        for each in waiting:
            if not each.done():
                each.set_result(None) if error is None else each.set_exception(_lost())
        if error is not None:
            self._records = group + self._records
        if error is None and (self._waiting or len(self._records) >= MAX_BUFFERED):
            self._start()
        elif self._records or self._waiting or len(self.refusals):
            self._flush_soon()

    def _publish(self) -> None:
        """Shows a checkpoint to those who keep it in another place."""
        if self._mirror is not None and self._chain.head != self._published:
            self._published = self._chain.head
            self._mirror({"kind": CHECKPOINT, "line": self._published.decode().rstrip()})

    def _tell(self, error: BaseException | None) -> None:
        if error is not None and not self._failed:
            log.error("the audit log cannot be written", exc_info=error)
        elif error is None and self._failed:
            log.info("the audit log can be written again")
        self._failed = error is not None

    def _sign(self) -> None:
        if not self._chain.is_signed:
            self._chain.append([], sign=True)


async def open_log(
    take: Callable[[], Chain],
    directory: Path,
    *,
    clock: Clock,
    observe: Observe = _ignore,
    mirror: Callable[[Values], None] | None = None,
    flush_s: float = FLUSH_S,
) -> AuditLog:
    """A log whose chain tells that it was opened.

    Raises:
        AuditOpenError: The chain cannot be read or written.
    """

    def begin() -> Chain:
        chain = take()
        try:
            chain.append([], sign=True)
        except OSError:
            chain.close()
            raise
        return chain

    try:
        chain = await asyncio.get_running_loop().run_in_executor(None, begin)
    except OSError as error:
        raise AuditOpenError(
            f"{directory}: the audit log cannot be written: {error.strerror or error}"
        ) from error
    return AuditLog(chain, clock=clock, observe=observe, mirror=mirror, flush_s=flush_s)


def _lost() -> DataLossError:
    return DataLossError(
        "AUDIT_RECORD_LOST", "what was done may be in effect, and could not be recorded"
    )
