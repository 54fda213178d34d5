"""Instants in filters and in data, as RFC 3339 writes them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NS_PER_S = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RANGE_NS = 1 << 63
_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant, in nanoseconds since the Unix epoch."""

    ns: int

    @property
    def key(self) -> str:
        """As ``moment_key`` writes it."""
        seconds, fraction = divmod(self.ns, NS_PER_S)
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{fraction:09}"

    def __str__(self) -> str:
        return self.key.rstrip("0").rstrip(".") + "Z"


def parse_instant(text: str) -> Instant:
    """Reads an instant with its offset from UTC.

    Raises:
        ValueError: It is none, or cannot be held in 64 bits.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("is no timestamp such as 2026-01-31T12:00:00Z")
    day, time, fraction, offset = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{offset.upper().replace('Z', '+00:00')}")
    except ValueError:
        raise ValueError("is a timestamp that does not exist") from None
    ns = (moment - _EPOCH) // timedelta(seconds=1) * NS_PER_S + int((fraction or "").ljust(9, "0"))
    if not -_RANGE_NS <= ns < _RANGE_NS:
        raise ValueError("is out of range: from 1677-09-22 to 2262-04-11")
    return Instant(ns)


def moment_key(text: str) -> str | None:
    """What a string in data is as an instant: one of a fixed length, that text order sorts.

    Only the form that protobuf's JSON has counts: in UTC, with a capital T and Z and at most nine
    digits of a second. Whether there is such a day is not asked. None where it is no instant.
    """
    found = _MOMENT.fullmatch(text)
    return found and f"{found[1]}.{(found[2] or '').ljust(9, '0')}"
