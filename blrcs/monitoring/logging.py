"""Sets the log up: lines for people or JSON lines, none of which its values can forge."""

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from blrcs.config.observability import LogFormat, LogLevelName
from blrcs.monitoring.log_level import SEVERITY, LogLevel
from blrcs.monitoring.log_values import escape, escape_json, indented, only_plain_values


def configure_logging(
    log_format: LogFormat,
    level: LogLevelName,
    *,
    stream: BinaryIO | None = None,
    colours: bool | None = None,
    clock: Callable[[], float] = time.time,
) -> LogLevel:
    """Has structlog and the standard library's logging write to one stream, one line a message.

    A console line shows values as Python literals; a traceback follows it, indented. A JSON line is
    an object with ``timestamp`` (UTC, RFC 3339), ``level``, ``event`` and the values. In both,
    secrets are masked and what is not printable is escaped. Replaces what was set up before.

    Args:
        log_format: Lines for people or JSON lines.
        level: The least severe messages that are written at first.
        stream: Where lines go; by default standard error.
        colours: Whether console lines are coloured; by default where the stream is a terminal.
        clock: Gives Unix seconds.

    Returns:
        What changes the level at run time.
    """
    stream = sys.stderr.buffer if stream is None else stream
    threshold = LogLevel(level)
    if log_format == "json":
        render: list[Processor] = [_render_json]
    else:
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty() if colours is None else colours,
            repr_native_str=True,
            exception_formatter=structlog.dev.plain_traceback,
            sort_keys=False,
        )
        render = [_escape_for_console, _encode(console)]
    structlog.configure(
        processors=[
            threshold,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _Timestamp(clock),
            structlog.processors.format_exc_info,
            only_plain_values,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=lambda *_: _Lines(stream),
        cache_logger_on_first_use=False,
    )
    logging.getLogger().handlers = [_ToStructlog()]
    # It tells of every change in a directory, whether a file of ours or not.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    return threshold


class _Lines:
    """Writes what is logged, at whatever level, to a stream.

    What cannot be written, since the disk is full or nobody reads any more, is lost: neither a call
    nor the end of a server may fail for its log.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            # One write: several threads may log.
            self._stream.write(line + b"\n")
            self._stream.flush()

    debug = info = warning = error = critical = write


class _Timestamp:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        del logger, method
        now = datetime.fromtimestamp(self._clock(), UTC)
        event["timestamp"] = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return event


class _ToStructlog(logging.Handler):
    """Hands the standard library's records on, under the nearest level below their own."""

    def emit(self, record: logging.LogRecord) -> None:
        below = [name for name, severity in SEVERITY.items() if severity <= record.levelno]
        write = getattr(structlog.get_logger(), below[-1] if below else "debug")
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        write(message, logger=record.name, exc_info=record.exc_info)


def _render_json(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    del logger, method
    return escape_json(orjson.dumps(event).decode()).encode()


def _escape_for_console(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Escapes what the renderer writes as it stands: the event, the keys and the traceback."""
    del logger, method
    escaped = {escape(key): value for key, value in event.items()}
    escaped["event"] = escape(str(event.get("event", "")))
    if "exception" in event:
        escaped["exception"] = indented(event["exception"])
    return escaped


def _encode(console: structlog.dev.ConsoleRenderer) -> Processor:
    def render(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        return console(logger, method, event).encode()

    return render
