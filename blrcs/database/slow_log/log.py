"""The log of slow statements."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.slow_log.entry import NS_PER_MS, NS_PER_S, SlowEntry, callers
from blrcs.database.slow_log.file import SlowLogFile
from blrcs.database.slow_log.plan import ask_plan, can_be_explained
from blrcs.database.slow_log.watched import waited_ns
from blrcs.database.statement import Statement

MAX_PENDING = 256
ENTRIES_PER_S = 20
PLAN_PERIOD_NS = NS_PER_S
SAME_PLAN_PERIOD_NS = 60 * NS_PER_S
PLAN_TIMEOUT_S = 5.0
KNOWN_PLANS = 1024

log = structlog.get_logger("blrcs.database.slow")


@dataclass(frozen=True, slots=True)
class _Noted:
    entry: SlowEntry
    statement: Statement
    params: Mapping[str, Any] | None


class SlowLog:
    """Writes down what took long, beside the work: nothing waits for it, and nothing fails with it.

    At most ``ENTRIES_PER_S`` statements a second are written; those beyond are counted. A plan is
    asked for once a second at most, and for the same statement once a minute, so that a database
    which is slow is not made slower.

    Attributes:
        least_ns: How long a statement takes that is slow.

    Args:
        database: Whose plans are asked; not one that is watched.
        file: Where entries go.
        least_ns: See the attribute.
        clock: Gives nanoseconds since the Unix epoch.
        monotonic: Gives nanoseconds that never go back.
    """

    def __init__(
        self,
        database: DatabaseAdapter,
        file: SlowLogFile,
        *,
        least_ns: int,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.least_ns = least_ns
        self._database = database
        self._file = file
        self._clock = clock
        self._monotonic = monotonic
        self._loop = asyncio.get_running_loop()
        self._pending: deque[_Noted] = deque()
        self._noted = asyncio.Event()
        self._left = ENTRIES_PER_S
        self._second_ns = monotonic()
        self._dropped = 0
        self._may_ask_ns = 0
        self._asked_ns: dict[Statement, int] = {}
        self._is_failing = False

    def note(
        self,
        statement: Statement,
        params: Mapping[str, Any] | None,
        duration_ns: int,
        rows: int | None,
    ) -> None:
        """See Watch."""
        with suppress(Exception):  # whatever it is, it is not the statement's
            if len(self._pending) >= MAX_PENDING or not self._admit():
                self._dropped += 1
                return
            entry = SlowEntry(
                at_ns=self._clock(),
                duration_ns=duration_ns,
                waited_ns=waited_ns(time.monotonic_ns() - duration_ns),
                sql=statement.compiled(self._database.dialect).sql,
                rows=rows,
                caller=callers(),
            )
            self._pending.append(_Noted(entry, statement, params))
            self._loop.call_soon_threadsafe(self._noted.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes while the block runs, and what is left at its end."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._write(plans=False)

    def _admit(self) -> bool:
        now_ns = self._monotonic()
        if now_ns - self._second_ns >= NS_PER_S:
            self._second_ns, self._left = now_ns, ENTRIES_PER_S
        self._left -= 1
        return self._left >= 0

    async def _run(self) -> None:
        while True:
            await self._noted.wait()
            self._noted.clear()
            await self._write(plans=True)

    async def _write(self, *, plans: bool) -> None:
        lines = []
        while self._pending:
            noted = self._pending.popleft()
            entry = await self._explained(noted) if plans else noted.entry
            lines.append(entry.to_line())
            log.warning(
                "slow statement",
                duration_ms=round(entry.duration_ns / NS_PER_MS, 1),
                waited_ms=round(entry.waited_ns / NS_PER_MS, 1),
                rows=entry.rows,
                sql=entry.sql[:200],
                caller=entry.caller,
                hint=entry.hint,
            )
        if self._dropped:
            log.warning("more slow statements than are written down", count=self._dropped)
            self._dropped = 0
        if lines:
            await self._append(b"".join(lines))

    async def _append(self, lines: bytes) -> None:
        try:
            await asyncio.to_thread(self._file.append, lines)
        except OSError as error:
            if not self._is_failing:
                log.warning("slow statements cannot be written", error=error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False

    async def _explained(self, noted: _Noted) -> SlowEntry:
        if not self._may_ask(noted):
            return noted.entry
        try:
            async with asyncio.timeout(PLAN_TIMEOUT_S):
                plan, hint = await ask_plan(
                    self._database, noted.statement, dict(noted.params or {})
                )
        except Exception as error:  # noqa: BLE001 - it is not worth more than a word
            log.debug("no plan of a slow statement", error=type(error).__name__)
            return noted.entry
        return replace(noted.entry, plan=plan, hint=hint)

    def _may_ask(self, noted: _Noted) -> bool:
        now_ns = self._monotonic()
        asked_ns = self._asked_ns.get(noted.statement)
        if noted.params is None or now_ns < self._may_ask_ns:
            return False
        if asked_ns is not None and now_ns - asked_ns < SAME_PLAN_PERIOD_NS:
            return False
        if not can_be_explained(noted.statement, self._database.dialect):
            return False
        if len(self._asked_ns) >= KNOWN_PLANS:
            self._asked_ns.clear()
        self._asked_ns[noted.statement] = now_ns
        self._may_ask_ns = now_ns + PLAN_PERIOD_NS
        return True
