"""Reads what a field is compared with, as the field and the operator want it."""

import re
from math import isfinite

from blrcs.domain.filter.expression import (
    ANYTHING,
    WORD,
    Column,
    Field,
    Operand,
    Operator,
    Text,
)
from blrcs.domain.filter.instant import Instant, parse_instant
from blrcs.domain.filter.scanner import STAR, Scanner

ORDER = frozenset(Operator) - {Operator.EQUAL, Operator.HAS}

_END = r"(?![^\s)])"
_STAR = re.compile(r"\*" + _END)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt][\d:.]{8,18}(?:[Zz]|[+-]\d\d:\d\d)" + _END, re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?" + _END, re.ASCII)
_BARE = re.compile(rf"\*?{WORD.pattern}\*?{_END}")
_UNCLEAR = re.compile(r"[+\-\d]")
_CALL = re.compile(r"timestamp\([ \t\r\n]*")
_CLOSE = re.compile(r"[ \t\r\n]*\)")
_LIST = re.compile(r"\(")
_NAMED: dict[str, Operand] = {"true": True, "false": False, "null": None}


def read_operand(scanner: Scanner, field: Field, operator: Operator) -> Operand:
    """What stands at the scanner's position.

    Raises:
        InvalidArgumentError: It is no value, or none that the field can be compared with.
    """
    start = scanner.position
    if scanner.take(_STAR):
        if operator is Operator.HAS:
            return ANYTHING
        raise scanner.refusal("* alone stands only after :", start)
    if isinstance(field, Column):
        return _instant(scanner) if field.is_time else _string(scanner, operator)
    if not field.segments and operator is not Operator.HAS:
        raise scanner.refusal("data as a whole can only be asked what it has", start)
    found = _value(scanner, operator)
    if operator in ORDER and (found is None or isinstance(found, bool)):
        raise scanner.refusal("true, false and null have no order", start)
    return found


def pattern(text: str, *, any_before: bool, any_after: bool) -> Text:
    """A pattern; whatever stands for every string is written in one way."""
    return Text(text, any_before, any_after) if text else Text("", any_after=True)


def _value(scanner: Scanner, operator: Operator) -> Operand:
    start = scanner.position
    if (text := scanner.string()) is not None:
        return _text(scanner, text, operator, start)
    if (instant := _call(scanner)) is not None:
        return instant
    if (written := scanner.take(_TIMESTAMP)) is not None:
        return Text(written)
    if (written := scanner.take(_NUMBER)) is not None:
        number = float(written)
        if not isfinite(number):
            raise scanner.refusal("a number that is out of range", start)
        return number
    written = _bare(scanner)
    if _UNCLEAR.match(written):
        raise scanner.refusal("no number; a string of this kind stands in quotes", start)
    if written in _NAMED:
        return _NAMED[written]
    return _text(scanner, written.replace("*", STAR), operator, start)


def _string(scanner: Scanner, operator: Operator) -> Text:
    start = scanner.position
    text = scanner.string()
    if text is None:
        text = _bare(scanner).replace("*", STAR)
    return _text(scanner, text, operator, start)


def _instant(scanner: Scanner) -> Instant:
    found = _call(scanner)
    if found is not None:
        return found
    start = scanner.position
    text = scanner.string()
    if text is None:
        text = scanner.take(_TIMESTAMP)
    return _parsed(scanner, text or "", start)


def _call(scanner: Scanner) -> Instant | None:
    """What ``timestamp("...")`` says, if it stands here."""
    if not scanner.take(_CALL):
        return None
    start = scanner.position
    found = _parsed(scanner, scanner.string() or "", start)
    if not scanner.take(_CLOSE):
        raise scanner.refusal("a closing parenthesis is missing")
    return found


def _parsed(scanner: Scanner, text: str, start: int) -> Instant:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise scanner.refusal(f"the value {error}", start) from None


def _bare(scanner: Scanner) -> str:
    start = scanner.position
    written = scanner.take(_BARE)
    if written is not None:
        return written
    if scanner.take(_LIST):
        raise scanner.refusal("no list of values: compare the field with each of them", start)
    raise scanner.refusal("a value is missing, or is to be put in quotes")


def _text(scanner: Scanner, text: str, operator: Operator, start: int) -> Text:
    """A string with its stars, which stand for themselves where order is asked."""
    if operator in ORDER:
        return Text(text.replace(STAR, "*"))
    inner = text.removeprefix(STAR)
    any_before = inner != text
    middle = inner.removesuffix(STAR)
    if STAR in middle:
        raise scanner.refusal("a * within a string is written \\*", start)
    if any_before or middle != inner:
        return pattern(middle, any_before=any_before, any_after=middle != inner)
    return Text(text)
