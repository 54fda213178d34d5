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
    elif kind is dict or isinstance(value, Mapping):
        if depth > MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        for key, each in value.items():
            _check_text(key)
            if type(each) is str:
                _check_text(each)
            elif each is not None:
                _check(each, depth + 1)
    elif kind is list or kind is tuple:
        if depth > MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        for each in value:
            _check(each, depth + 1)
    elif kind is float:
        if not isfinite(value):
            raise ValueError("has a number in it that is not finite")
    elif kind is int and not -(1 << 63) <= value < 1 << 64:
        raise ValueError("has a whole number in it that is beyond 64 bits")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("has a NUL character in it")
    if not text.isascii() and _SURROGATE.search(text):
        raise ValueError("has half of a surrogate pair in it")
