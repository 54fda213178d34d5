"""What data may be for filters to mean the same on every database."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from blrcs.domain.errors import InvalidArgumentError

MAX_DEPTH = 30
"""How many objects and lists may be in each other. MariaDB's functions read 32 levels."""
REASON = "DOCUMENT_INVALID"


def check_document(data: Mapping[str, Any], *, field: str = "record.data") -> None:
    """Returns where data can be stored, and found again by what it says.

    Args:
        data: JSON as Python has it: str, int, float, bool, None, lists and mappings.
        field: What it is called in the request.

    Raises:
        InvalidArgumentError: A string or key has a NUL or half of a surrogate pair in it, which
            databases do not take; a number is not finite, or whole and beyond 64 bits; or more
            than ``MAX_DEPTH`` objects and lists are in each other.
    """
    waiting: list[tuple[Any, int]] = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        problem = _problem(value)
        if problem is not None:
            raise InvalidArgumentError(field, problem, reason=REASON)
        if not isinstance(value, Mapping | list | tuple):
            continue
        if depth > MAX_DEPTH:
            raise InvalidArgumentError(
                field, f"has more than {MAX_DEPTH} levels of objects and lists", reason=REASON
            )
        if isinstance(value, Mapping):
            waiting.extend((key, depth) for key in value)
            waiting.extend((each, depth + 1) for each in value.values())
        else:
            waiting.extend((each, depth + 1) for each in value)


def _problem(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "has a NUL character in it"
        if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
            return "has half of a surrogate pair in it"
    elif isinstance(value, float):
        if not isfinite(value):
            return "has a number in it that is not finite"
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return "has a whole number in it that is beyond 64 bits"
    return None
