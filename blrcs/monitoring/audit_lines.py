"""What is recorded of calls, as lines of the log."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from blrcs.monitoring.log_level import LogLevel
from blrcs.monitoring.refusals import MAX_KINDS, taken_records
from blrcs.resilience.pace import Pace
from blrcs_native.monitoring.refusal_folder import RefusalFolder

EVENT = "audit"
FLUSH_S = 0.25

Values = Mapping[str, Any]


def write_audit_line(values: Values) -> None:
    """Writes to the log as it is configured, but for its level: that is for other messages."""
    processors = [
        each for each in structlog.get_config()["processors"] if not isinstance(each, LogLevel)
    ]
    structlog.wrap_logger(None, processors=processors).info(EVENT, **values)


class AuditLines:
    """A sink of records, each a line. Nobody waits for them, and none is refused for their sake.

    Args:
        write: Takes each record; by default the log does, whatever its level.
        clock: Tells when.
    """

    def __init__(
        self,
        write: Callable[[Values], None] = write_audit_line,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._write = write
        self._clock = clock
        self._pace = Pace(time.monotonic_ns, busy_s=FLUSH_S)
        self._timer: asyncio.TimerHandle | None = None
        self.refusals = RefusalFolder(self._flush_soon, capacity=MAX_KINDS)

    def require_writable(self) -> None:
        """Whatever is done may be done: nobody finds out whether a log is written."""

    def put(self, values: Values) -> None:
        """Writes a record."""
        self._write(values)

    async def commit(self, values: Values) -> None:
        """Writes a record."""
        self._write(values)

    def flush(self) -> None:
        """Writes refusals that were folded."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        total = 0
        for count, values in taken_records(self.refusals, self._clock()):
            total += count
            self._write(values)
        self._pace.wrote(total)

    def _flush_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a pipeline that is driven by hand: whoever does so flushes
        self._timer = loop.call_later(self._pace.interval_s, self.flush)
