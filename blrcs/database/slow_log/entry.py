"""What is written down of a statement that took long."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import orjson

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MAX_SQL_CHARACTERS = 8192
MAX_PLAN_CHARACTERS = 16_384
MAX_AT_NS = (1 << 63) - 1
CALLERS = 4
CUT = " ..."

_PASSED_OVER = (
    "asyncio",
    "blrcs.database.adapter",
    "blrcs.database.retry",
    "blrcs.database.slow_log",
    "blrcs.database.sqlite",
    "blrcs.interceptors",
    "blrcs.transport",
    "contextlib",
    "threading",
    "uvloop",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowEntry:
    """One execution. It holds no value that was passed, since that may be a secret.

    Attributes:
        at_ns: When it ended, in nanoseconds since the Unix epoch.
        duration_ns: How long its caller waited for it, in all.
        waited_ns: How much of that it waited for a connection of the pool.
        sql: Its text, with places for values.
        rows: How many it gave or changed; None where it failed or was given up.
        caller: Who ran it, the innermost function first.
        plan: How the database answers it, where that was asked.
        hint: What might make it faster.
    """

    at_ns: int
    duration_ns: int
    waited_ns: int
    sql: str
    rows: int | None
    caller: str
    plan: str | None = None
    hint: str | None = None

    def to_line(self) -> bytes:
        """One line of JSON, with its end."""
        at = datetime.fromtimestamp(self.at_ns / NS_PER_S, UTC).isoformat(timespec="milliseconds")
        values = {
            "time": at.replace("+00:00", "Z"),
            "at_ns": self.at_ns,
            "duration_ms": self.duration_ns / NS_PER_MS,
            "waited_ms": self.waited_ns / NS_PER_MS,
            "sql": _cut(self.sql, MAX_SQL_CHARACTERS),
            "rows": self.rows,
            "caller": self.caller,
            "plan": None if self.plan is None else _cut(self.plan, MAX_PLAN_CHARACTERS),
            "hint": self.hint,
        }
        return orjson.dumps(values) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "SlowEntry | None":
        """What a line says; None where it is none of these, such as one cut off by a full disk."""
        try:
            found: dict[str, Any] = orjson.loads(line)
            return cls(
                at_ns=min(int(found["at_ns"]), MAX_AT_NS),
                duration_ns=round(found["duration_ms"] * NS_PER_MS),
                waited_ns=round(found["waited_ms"] * NS_PER_MS),
                sql=str(found["sql"]),
                rows=found["rows"],
                caller=str(found["caller"]),
                plan=_optional_text(found["plan"]),
                hint=_optional_text(found["hint"]),
            )
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return None


def callers() -> str:
    """Who runs a statement now, as far as the stack tells: repositories, use cases, handlers."""
    return " < ".join(_names(sys._getframe(1)))  # noqa: SLF001 - cheaper than inspect.stack


def _names(frame: FrameType | None) -> Iterator[str]:
    left = CALLERS
    while frame is not None and left:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(_PASSED_OVER):
            left -= 1
            yield f"{module}.{frame.f_code.co_qualname}"
        frame = frame.f_back


def _optional_text(value: object) -> str | None:
    return None if value is None else str(value)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[:characters] + CUT
