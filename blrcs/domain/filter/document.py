"""What data may be for filters to mean the same on every database."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from blrcs.domain.errors import InvalidArgumentError

MAX_DEPTH = 30
"""How many objects and lists may be in each other. MariaDB's functions read 32 levels."""
REASON = "DOCUMENT_INVALID"

_SURROGATE = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"has more than {MAX_DEPTH} levels of objects and lists"


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
    try:
        _check(data, 1)
    except ValueError as error:
        raise InvalidArgumentError(field, str(error), reason=REASON) from None


def _check(value: Any, depth: int) -> None:
    """Raises ValueError with what is wrong with a value, ``depth`` of whose kind may be around it.

    It is called for every value that is written, so that it asks for types first.
    """
    kind = type(value)
    if kind is str:
        _check_text(value)
    elif kind is dict or kind is list or isinstance(value, Mapping | tuple):
        if depth > MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        is_list = kind is list or kind is tuple
        for key in () if is_list else value:
            _check_text(key)
        for each in value if is_list else value.values():
            _check(each, depth + 1)
    elif kind is float or kind is int:
        _check_number(value)


def _check_number(number: float) -> None:
    if type(number) is int:
        if not -(1 << 63) <= number < 1 << 64:
            raise ValueError("has a whole number in it that is beyond 64 bits")
    elif not isfinite(number):
        raise ValueError("has a number in it that is not finite")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("has a NUL character in it")
    if not text.isascii() and _SURROGATE.search(text):
        raise ValueError("has half of a surrogate pair in it")
