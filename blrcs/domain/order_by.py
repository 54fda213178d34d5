"""The order of a list, by AIP-132: ``data.price desc, create_time``.

Values of data are ordered by their type first: what is not there, null, false, true, numbers,
strings, lists, objects. Lists are all the same in it, and objects too. Strings are in the order of
their code points, by their first ``SORTED_CHARACTERS`` alone, for that is what databases sort by at
the least. Records that are the same in all this are ordered by their ids, in the direction of the
last field.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.evaluation import Subject, values_at
from blrcs.domain.filter.expression import Column, Field, Path
from blrcs.domain.filter.scanner import Scanner

MAX_CHARACTERS = 1024
MAX_TERMS = 5
SORTED_CHARACTERS = 128
REASON = "ORDER_BY_INVALID"

_COMMA = re.compile(r",")
_DESCENDING = {"asc": False, "desc": True}
_COLUMNS = {column.value: column for column in Column}

Position: TypeAlias = tuple[str | int | float, ...]
"""Where a record is in an order: what its terms are sorted by, one after the other. Made of what
JSON can hold, so that a page token can."""


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """A field to sort by, and the direction."""

    field: Field
    is_descending: bool = False

    def __str__(self) -> str:
        return f"{self.field} desc" if self.is_descending else str(self.field)


@dataclass(frozen=True, slots=True)
class OrderBy:
    """An order in which no two records of a collection are the same.

    Attributes:
        terms: What to sort by, one after the other; the last one is the record's id.
    """

    terms: tuple[OrderTerm, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.terms))


def parse_order_by(text: str) -> OrderBy:
    """Reads an order; that by ids where the text is empty.

    Raises:
        InvalidArgumentError: It is none, names a field twice, or more than ``MAX_TERMS``.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidArgumentError(
            "order_by", f"is longer than {MAX_CHARACTERS} characters", reason=REASON
        )
    scanner = Scanner("order_by", text, REASON)
    scanner.skip_blanks()
    terms: list[OrderTerm] = []
    while not (scanner.is_at_end and not terms):
        start = scanner.position
        terms.append(_term(scanner))
        if terms[-1].field in [each.field for each in terms[:-1]]:
            raise scanner.refusal(f"{terms[-1].field} for the second time", start)
        if len(terms) > MAX_TERMS:
            raise scanner.refusal(f"more than {MAX_TERMS} fields", start)
        if scanner.is_at_end:
            break
        if not scanner.take(_COMMA):
            raise scanner.refusal("a comma is missing")
        scanner.skip_blanks()
    return _told_apart(terms)


def position(order_by: OrderBy, subject: Subject) -> Position:
    """Where a record is."""
    return tuple(part for term in order_by.terms for part in _key(term.field, subject))


def in_order(order_by: OrderBy, subjects: Iterable[Subject]) -> list[Subject]:
    """Records in their order: the definition of it."""
    found = list(subjects)
    for term in reversed(order_by.terms):
        found.sort(key=lambda each: _key(term.field, each), reverse=term.is_descending)
    return found


def _term(scanner: Scanner) -> OrderTerm:
    start = scanner.position
    name = scanner.word()
    field: Field | None = _COLUMNS.get(name or "")
    if name == "data":
        field = Path(scanner.segments())
    if field is None or field == Path(()):
        fields = ", ".join(_COLUMNS)
        raise scanner.refusal(f"no field: fields are {fields}, data.KEY", start)
    scanner.skip_blanks()
    at = scanner.position
    word = scanner.word()
    if word is not None and word not in _DESCENDING:
        raise scanner.refusal("neither asc nor desc", at)
    scanner.skip_blanks()
    return OrderTerm(field, _DESCENDING[word or "asc"])


def _told_apart(terms: list[OrderTerm]) -> OrderBy:
    """As far as an order goes until ids decide; names are in the order of ids."""
    kept: list[OrderTerm] = []
    for term in terms:
        if term.field in {Column.NAME, Column.RECORD_ID}:
            return OrderBy((*kept, OrderTerm(Column.RECORD_ID, term.is_descending)))
        kept.append(term)
    last_is_descending = bool(kept) and kept[-1].is_descending
    return OrderBy((*kept, OrderTerm(Column.RECORD_ID, last_is_descending)))


def _key(field: Field, subject: Subject) -> Position:
    if isinstance(field, Path):
        return _data_key(values_at(subject.data, field))
    value = subject.column(field)
    if field is Column.EXPIRE_TIME:
        return (0, 0) if value is None else (1, value)
    return () if value is None else (value,)


def _data_key(values: list[Any]) -> tuple[int, float, str]:
    """The type's place, the number and the string; each has a value, so that all compare."""
    for value in values:
        if isinstance(value, bool):
            return (3 if value else 2, 0.0, "")
        if isinstance(value, int | float):
            return (4, float(value), "")
        if isinstance(value, str):
            return (5, 0.0, value[:SORTED_CHARACTERS])
        if value is None:
            return (1, 0.0, "")
        return (7 if isinstance(value, Mapping) else 6, 0.0, "")
    return (0, 0.0, "")
