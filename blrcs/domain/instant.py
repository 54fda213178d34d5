"""Instants as records write them (RFC 3339, in UTC, to the microsecond)."""

import time
from datetime import datetime
from functools import lru_cache

NS_PER_S = 1_000_000_000
NS_PER_US = 1_000


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def to_instant(time_ns: int) -> str:
    """The text of so many nanoseconds after the Unix epoch."""
    seconds, nanos = divmod(time_ns, NS_PER_S)
    return f"{_second(seconds)}.{nanos // NS_PER_US:06d}Z"


def from_instant(text: str) -> int:
    """Its nanoseconds; ValueError where it is none."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    whole = at.replace(microsecond=0)
    return int(whole.timestamp()) * NS_PER_S + at.microsecond * NS_PER_US
