"""What of a value may stand in the log, and how."""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

MASK = "********"
MAX_DEPTH = 8

_SECRET_KEY = re.compile(
    r"(?:pass(?:word|phrase)|secret|token|authorization|cookie|credential"
    r"|(?:api|private|signing|secret|access|encryption)[_-]?key)(?:s|[_-]?hash)?$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_MAX_INT = 2**63 - 1


def only_plain_values(logger: "WrappedLogger", method: str, event: "EventDict") -> "EventDict":
    """A structlog processor: leaves only what JSON can hold, with secrets masked.

    A value is masked where its key names a secret (``password``, ``access_token``); a JSON Web
    Token is, wherever it stands in a text.
    """
    del logger, method
    return {str(key): _of_key(str(key), value, 0) for key, value in event.items()}


def escape(text: str) -> str:
    """The text with every character that is not printable in Python's escapes.

    Line breaks, terminal controls and marks that reorder text are among them.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def shown_text(text: str, length: int) -> str:
    """A stranger's text: its first characters, with tokens masked, and escaped as by ``escape``.

    Args:
        text: Any, of any length.
        length: So many characters of it are told; an ellipsis stands for the others.
    """
    told = escape(_TOKEN.sub(MASK, text[:length]))
    return told if len(text) <= length else f"{told}…"


def indented(text: str) -> str:
    """Lines of text that belong to the line before them, and look like none of their own."""
    return "\n".join(f"    {escape(line)}" for line in text.splitlines())


def escape_json(line: str) -> str:
    """The JSON text with every character that is not printable in JSON's escapes.

    The line breaks and controls below U+0020 are expected to be escaped already, as any JSON
    encoder does.
    """
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else _json_escape(char) for char in line)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _of_key(key: str, value: Any, depth: int) -> Any:
    if value is not None and not isinstance(value, bool) and _SECRET_KEY.search(key):
        return MASK
    return _plain(value, depth)


def _plain(value: Any, depth: int) -> Any:  # noqa: PLR0911 - one for each kind of value
    match value:
        case None | bool():
            return value
        case int() if -_MAX_INT <= value <= _MAX_INT:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Mapping() if depth < MAX_DEPTH:
            return {_text(key): _of_key(str(key), inner, depth + 1) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset() if depth < MAX_DEPTH:
            return [_plain(inner, depth + 1) for inner in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    try:
        text = str(value) if not isinstance(value, int) else hex(value)
    except Exception:  # noqa: BLE001 - a value that cannot be shown must not lose the message
        return f"<{type(value).__name__}>"
    if "eyJ" in text:
        text = _TOKEN.sub(MASK, text)
    return _SURROGATE.sub(lambda match: escape(match[0]), text)
