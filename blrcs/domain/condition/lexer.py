"""The words of a condition."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from blrcs.domain.errors import InvalidArgumentError

FIELD = "binding.condition.expression"
REASON = "CONDITION_INVALID"

Kind = Literal["int", "double", "string", "name", "sign", "end"]

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f]+)
    |(?P<double>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<int>0x[0-9a-fA-F]+|[0-9]+)
    |(?P<string>[rR]?(?:"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2})|(.))",
    re.DOTALL,
)
_ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_SURROGATES = range(0xD800, 0xE000)
_LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Token:
    """A word: what kind, its text or what it stands for, and where it begins."""

    kind: Kind
    text: str
    start: int


def refusal(problem: str, position: int | None = None) -> InvalidArgumentError:
    """The error of a condition that is none, and where it goes wrong, counted from 1."""
    where = "" if position is None else f" at character {position + 1}"
    return InvalidArgumentError(FIELD, f"{problem}{where}", reason=REASON)


def tokens(text: str) -> Iterator[Token]:
    """The words, and one that ends them; InvalidArgumentError at what is none."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise refusal("has what is no word of the language", position)
        kind = match.lastgroup
        if kind == "string":
            yield Token("string", _string(match.group(), position), position)
        elif kind != "blank":
            _refuse_joined(text, match.end(), kind)
            yield Token(kind, match.group(), position)  # type: ignore[arg-type]
        position = match.end()
    yield Token("end", "", len(text))


def _refuse_joined(text: str, end: int, kind: str | None) -> None:
    """A number that a letter follows, or a prefix of a string, is of a kind that is not there."""
    following = text[end : end + 1]
    if kind in {"int", "double"} and (following.isalnum() or following == "_"):
        raise refusal("has a number of a kind that conditions do not know", end)
    if kind == "name" and following and following in "\"'":
        raise refusal("has a string of a kind that conditions do not know", end)


def _string(quoted: str, start: int) -> str:
    raw = quoted[0] in "rR"
    inner = quoted[2:-1] if raw else quoted[1:-1]
    return inner if raw else _ESCAPE.sub(lambda match: _unescaped(match, start), inner)


def _unescaped(match: re.Match[str], start: int) -> str:
    plain, two, four, eight, octal, unknown = match.groups()
    if plain is not None:
        return _ESCAPED.get(plain, plain)
    if unknown is not None:
        raise refusal(f"has a string with an escape that is none: \\{unknown}", start)
    number = int(octal, 8) if octal else int(two or four or eight, 16)
    if number > _LAST_CHARACTER or number in _SURROGATES:
        raise refusal("has a string with an escape that is no character", start)
    return chr(number)
