"""Amounts of memory as people write them in a configuration."""

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

_UNITS_BYTES = {
    "GiB": 1 << 30,
    "MiB": 1 << 20,
    "KiB": 1 << 10,
    "GB": 10**9,
    "MB": 10**6,
    "kB": 10**3,
    "B": 1,
}
_SIZE = re.compile(r"(\d{1,18}) ?(GiB|MiB|KiB|GB|MB|kB|B)?", re.ASCII)


def parse_size(value: object) -> int:
    """Bytes, from a whole number of bytes or a number with a unit (``64MiB``, ``10kB``).

    Raises:
        ValueError: It is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    size = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if size is None:
        raise ValueError("is not a size, such as 4096, '64MiB' or '10kB'")
    return int(size[1]) * _UNITS_BYTES[size[2] or "B"]


def format_size(size_bytes: int) -> str:
    """The size in the largest of B, KiB, MiB and GiB that leaves no fraction."""
    for unit in ("GiB", "MiB", "KiB"):
        count, rest = divmod(size_bytes, _UNITS_BYTES[unit])
        if count and not rest:
            return f"{count}{unit}"
    return f"{size_bytes}B"


SizeBytes = Annotated[
    int, BeforeValidator(parse_size), PlainSerializer(format_size, when_used="json")
]
"""A number of bytes, in every form that :func:`parse_size` accepts."""
