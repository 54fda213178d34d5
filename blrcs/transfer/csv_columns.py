"""Columns of CSV, and the cells in which values stand.

A column is called after the path of its values within the data, such as ``address.city``. ``id``
and ``expire_time`` are the record's own; ``data.id`` is what the data have under such a name. A
cell without anything in it is a value that is not there.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson

from blrcs.api.documents import MAX_WHOLE
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.field_path import MAX_SEGMENTS, MISSING, Document, Path, parse_path, with_value
from blrcs.transfer.entry import BadLineError
from blrcs.transfer.exact_json import read_exactly
from blrcs.transfer.json_lines import DATA, EXPIRE_TIME, ID, json_text

Kind = Literal["string", "number", "bool", "json", "infer"]
RESERVED = frozenset({ID, EXPIRE_TIME})
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""


def column_path(name: str) -> Path:
    """Where within the data a column's values are; BadLineError where that is no path."""
    try:
        path = parse_path(name, field="column")
    except InvalidArgumentError as error:
        raise BadLineError(error.message) from None
    return path[1:] if path[0] == DATA and len(path) > 1 else path


def column_name(path: Path) -> str:
    """What the column of a path is called."""
    name = ".".join(f"`{each}`" if "." in each else each for each in path)
    return f"{DATA}.{name}" if path[0] == DATA or name in RESERVED else name


def paths_of(document: Document, around: Path = ()) -> dict[Path, Any]:
    """The values of a document that have a cell each: objects are taken apart, lists are not."""
    found: dict[Path, Any] = {}
    for name, value in document.items():
        path = (*around, name)
        is_object = isinstance(value, Mapping) and value and len(path) < MAX_SEGMENTS
        if is_object and all(name and "`" not in name for name in value):
            found |= paths_of(value, path)
        else:
            found[path] = value
    return found


def cell_of(value: Any, *, safe: bool = False) -> str:
    """The text of a value.

    Args:
        value: JSON, or MISSING.
        safe: Put an apostrophe before what a spreadsheet would take for a formula.
    """
    if value is MISSING:
        return ""
    if not isinstance(value, str):
        return json_text(value).decode()
    return f"'{value}" if safe and value.startswith(FORMULA_STARTS) else value


def value_of(text: str, kind: Kind) -> Any:
    """The value of a cell that is not empty; BadLineError where it is not of the kind."""
    return _READERS[kind](text)


def put(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The document with a cell's value in it; BadLineError where another cell is in the way."""
    if len(path) == 1:
        if path[0] in document:
            raise BadLineError(f"has a value at {column_name(path)} and another within it")
        document[path[0]] = value
        return document
    try:
        return with_value(document, path, value)
    except FailedPreconditionError:
        raise BadLineError(f"has a value at {column_name(path)} and another around it") from None


def _number(text: str) -> Any:
    value = _json(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadLineError("is not a number")
    return value


def _bool(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false"}:
        raise BadLineError("is neither true nor false")
    return lowered == "true"


def _json(text: str) -> Any:
    try:
        return read_exactly(text.encode())
    except orjson.JSONDecodeError as error:
        raise BadLineError(f"is not JSON: {error.msg}") from None


def _inferred(text: str) -> Any:
    """What an export would have written as this very text; else the text itself.

    So 007 stays a text, and nothing is lost that the text said.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if isinstance(value, str) or json_text(_as_stored(value)).decode() != text:
        return text
    return value


def _as_stored(value: Any) -> Any:
    """A value with its numbers as the server gives them back."""
    if isinstance(value, dict):
        return {name: _as_stored(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_stored(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < MAX_WHOLE else number


_READERS: dict[Kind, Callable[[str], Any]] = {
    "string": str,
    "number": _number,
    "bool": _bool,
    "json": _json,
    "infer": _inferred,
}
