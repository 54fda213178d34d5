"""Instants, spans and time zones as conditions write them."""

import functools
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII
)
_DURATION = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|ns))+", re.ASCII)
_PART = re.compile(r"(\d*)(?:\.(\d*))?(h|ms|m|s|us|ns)", re.ASCII)
_OFFSET = re.compile(r"([+-]?)(\d{2}):(\d{2})", re.ASCII)
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
_UNITS_NS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_LIMIT_NS = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS = 24
_MINUTES = 60


def read_timestamp(text: str) -> int | None:
    """RFC 3339 in nanoseconds since the Unix epoch; None for what is none, or too far away."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    whole, fraction, zone = match.groups()
    try:
        passed = datetime.fromisoformat(whole + zone.replace("Z", "+00:00")) - _EPOCH
    except ValueError:
        return None
    seconds = passed.days * 86_400 + passed.seconds
    return _bounded(seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0")))


def read_duration(text: str) -> int | None:
    """Such as ``1h30m`` or ``-0.5s``, in nanoseconds; None for what is none, or too long."""
    if _DURATION.fullmatch(text) is None:
        return None
    total_ns = 0
    for whole, fraction, unit in _PART.findall(text):
        scale = _UNITS_NS[unit]
        total_ns += int(whole or 0) * scale
        if fraction:
            total_ns += int(fraction) * scale // 10 ** len(fraction)
    return _bounded(-total_ns if text[0] == "-" else total_ns)


@functools.lru_cache(maxsize=256)
def read_zone(name: str) -> tzinfo | None:
    """``Europe/Berlin``, ``UTC`` or an offset such as ``+02:00``; None for what is none."""
    match = _OFFSET.fullmatch(name)
    if match is not None:
        sign, hours, minutes = match.groups()
        if int(hours) >= _HOURS or int(minutes) >= _MINUTES:
            return None
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-offset if sign == "-" else offset)
    if _ZONE_NAME.fullmatch(name) is None:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return None


def _bounded(number_ns: int) -> int | None:
    return number_ns if -_LIMIT_NS <= number_ns < _LIMIT_NS else None
