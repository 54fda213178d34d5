"""Logs the end of every call at level debug, and of a failed one at level warning."""

import structlog

from blrcs.config.observability import LogLevelName
from blrcs.monitoring.log_level import LogLevel
from blrcs_native.calls.call import Call
from blrcs_native.calls.end_hook import EndHook
from blrcs_native.calls.rejection import CODE_NAMES

NS_PER_MS = 1_000_000
SERVER_FAULTS = frozenset(
    CODE_NAMES.index(name) for name in ("UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
)

log = structlog.get_logger("blrcs.call")


class CallLog:
    """An observer. Codes that are the server's own fault stand out as warnings.

    Args:
        level: Says what is written at all, so that a line nobody reads costs nothing.
    """

    def __init__(self, level: LogLevel) -> None:
        self._level = level
        self.on_end = EndHook(self._write_line)
        self._choose_codes()
        level.on_change(self._choose_codes)

    def _choose_codes(self) -> None:
        self.on_end.codes = [
            code for code in range(len(CODE_NAMES)) if self._level.writes(_level_of(code))
        ]

    def _write_line(self, call: Call) -> None:
        code = call.status_code
        level = _level_of(code)
        write = getattr(log, level)
        write(
            "call",
            method=call.method.name,
            principal=call.principal.name if call.principal else "",
            address=call.peer_address,
            code=CODE_NAMES[code],
            milliseconds=round(call.elapsed_ns / NS_PER_MS, 3),
        )

    def on_failure(self, call: Call, error: Exception) -> None:
        """Writes an error that not even error mapping turned into a status."""
        log.error("call failed", method=call.method.name, exc_info=error)


def _level_of(code: int) -> LogLevelName:
    return "warning" if code in SERVER_FAULTS else "debug"
