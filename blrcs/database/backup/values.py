"""Values of columns as JSON has them, the same whichever database they come from."""

import base64
import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson

DIGEST_BITS = 256

_TO_TEXT: dict[type, tuple[str, Callable[[Any], str]]] = {
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    Decimal: ("decimal", str),
    dt.datetime: ("datetime", dt.datetime.isoformat),
    dt.date: ("date", dt.date.isoformat),
    dt.time: ("time", dt.time.isoformat),
    dt.timedelta: ("seconds", lambda value: str(value.total_seconds())),
    uuid.UUID: ("uuid", str),
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "decimal": Decimal,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "seconds": lambda text: dt.timedelta(seconds=float(text)),
    "uuid": uuid.UUID,
}


def to_line(row: Sequence[Any]) -> bytes:
    """A row as one line of JSON, without its end.

    A bool is a number, since not every database has bools.

    Raises:
        TypeError: A value is of a type that has no such form.
    """
    return orjson.dumps([_plain(value) for value in row])


def from_line(line: bytes) -> list[Any]:
    """The row that became that line.

    Raises:
        ValueError: It is none.
    """
    return [_value(each) for each in orjson.loads(line)]


class Tally:
    """How many rows a table has, and a digest of them all, in whatever order they come.

    The digest is the sum of the SHA-256 of all lines modulo 2^256: it tells what was lost, added or
    changed by accident, not by somebody who is up to it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, line: bytes) -> None:
        """Counts a row."""
        self.rows += 1
        self._sum += int.from_bytes(hashlib.sha256(line).digest(), "big")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return (self.rows, self.digest) == (other.rows, other.digest)

    __hash__ = None  # type: ignore[assignment]

    @property
    def digest(self) -> str:
        """In hexadecimal digits."""
        return f"{self._sum % (1 << DIGEST_BITS):064x}"


def _plain(value: Any) -> Any:
    if value is None or type(value) in {int, str}:
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        # Not every database keeps the sign of zero.
        return {"float": repr(value + 0.0)}
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    name, to_text = _TO_TEXT.get(type(value), ("", None))
    if to_text is None:
        raise TypeError(f"a value of type {type(value).__name__} cannot be backed up")
    return {name: to_text(value)}


def _value(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    ((name, text),) = plain.items()
    return float(text) if name == "float" else _FROM_TEXT[name](text)
