"""Reads filters: the grammar of AIP-160, without values that stand alone.

filter      = [expression]
expression  = factor {["AND"] factor}
factor      = term {"OR" term}
term        = ["NOT" | "-"] simple
simple      = "(" expression ")" | restriction
restriction = field operator operand | function "(" field "," string ")"
"""

import re

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import (
    ANYTHING,
    Column,
    Comparison,
    Expression,
    Field,
    Filter,
    Operator,
    Path,
    conjunction,
    disjunction,
    negation,
)
from blrcs.domain.filter.operand import pattern, read_operand
from blrcs.domain.filter.scanner import STAR, Scanner

MAX_CHARACTERS = 4096
MAX_RESTRICTIONS = 50
MAX_KEYS = 100
"""In all paths together: each may be a join of its own."""
MAX_DEPTH = 10
"""Of parentheses in each other: SQLite's own parser has a hundred places on its stack."""
REASON = "FILTER_INVALID"

FUNCTIONS = {
    "startsWith": (False, True),
    "hasPrefix": (False, True),
    "endsWith": (True, False),
    "contains": (True, True),
}
"""Whether anything may come before and after what they are given."""

COLUMNS = {column.value: column for column in Column}

_AND, _OR, _NOT = (re.compile(rf"{word}(?![^\s()])") for word in ("AND", "OR", "NOT"))
_MINUS, _OPEN, _CLOSE = map(re.compile, ("-", r"\(", r"\)"))
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_CALL_END = re.compile(r"[ \t\r\n]*\)")
_OPERATOR = re.compile(r"<=|>=|!=|[=<>:]")


def parse_filter(text: str) -> Filter:
    """Reads a filter.

    Raises:
        InvalidArgumentError: It is none, or asks for more than there may be: more than
            ``MAX_CHARACTERS``, ``MAX_RESTRICTIONS``, ``MAX_KEYS`` or, in parentheses,
            ``MAX_DEPTH``. It says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidArgumentError(
            "filter", f"is longer than {MAX_CHARACTERS} characters", reason=REASON
        )
    scanner = Scanner("filter", text, REASON)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise scanner.refusal("half of a character", error.start) from None
    scanner.skip_blanks()
    if scanner.is_at_end:
        return Filter()
    expression = _Parser(scanner).expression(depth=0)
    if not scanner.is_at_end:
        raise scanner.refusal("a closing parenthesis that nothing opened")
    return Filter(expression)


class _Parser:
    """One pass over a text. Each method reads what the grammar calls by its name."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._restrictions = 0
        self._keys = 0

    def expression(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise self._scanner.refusal(f"more than {MAX_DEPTH} parentheses in each other")
        factors = [self._factor(depth)]
        while self._goes_on():
            if self._scanner.take(_AND):
                self._scanner.skip_blanks()
            factors.append(self._factor(depth))
        return conjunction(factors)

    def _goes_on(self) -> bool:
        has_blanks = self._scanner.skip_blanks()
        before = self._scanner.position
        if self._scanner.is_at_end or self._scanner.take(_CLOSE):
            self._scanner.position = before
            return False
        if not has_blanks:
            raise self._scanner.refusal("a blank is missing")
        return True

    def _factor(self, depth: int) -> Expression:
        terms = [self._term(depth)]
        while self._follows(_OR):
            self._scanner.skip_blanks()
            terms.append(self._term(depth))
        return disjunction(terms)

    def _follows(self, keyword: re.Pattern[str]) -> bool:
        before = self._scanner.position
        if self._scanner.skip_blanks() and self._scanner.take(keyword):
            return True
        self._scanner.position = before
        return False

    def _term(self, depth: int) -> Expression:
        if self._scanner.take(_NOT):
            self._scanner.skip_blanks()
        elif not self._scanner.take(_MINUS):
            return self._simple(depth)
        return negation(self._simple(depth))

    def _simple(self, depth: int) -> Expression:
        if not self._scanner.take(_OPEN):
            return self._restriction()
        self._scanner.skip_blanks()
        expression = self.expression(depth + 1)
        if not self._scanner.take(_CLOSE):
            raise self._scanner.refusal("a closing parenthesis is missing")
        return expression

    def _restriction(self) -> Expression:
        start = self._scanner.position
        self._restrictions += 1
        if self._restrictions > MAX_RESTRICTIONS:
            raise self._scanner.refusal(f"more than {MAX_RESTRICTIONS} comparisons")
        name = self._scanner.word()
        if name is not None and self._scanner.take(_OPEN):
            return self._function(name, start)
        field = self._field(name, start)
        self._scanner.skip_blanks()
        sign = self._scanner.take(_OPERATOR)
        if sign is None:
            raise self._scanner.refusal("one of = != < <= > >= : is missing after the field")
        self._scanner.skip_blanks()
        if sign == "!=":
            return negation(self._comparison(field, Operator.EQUAL))
        return self._comparison(field, Operator(sign))

    def _field(self, name: str | None, start: int) -> Field:
        if name == "data":
            path = Path(self._scanner.segments())
            self._keys += len(path.segments)
            if self._keys > MAX_KEYS:
                raise self._scanner.refusal(f"more than {MAX_KEYS} keys in all", start)
            return path
        column = COLUMNS.get(name or "")
        if column is None:
            fields = ", ".join(COLUMNS)
            raise self._scanner.refusal(
                f"no field: a value alone searches nothing, and fields are {fields}, data.KEY",
                start,
            )
        return column

    def _function(self, name: str, start: int) -> Expression:
        before_and_after = FUNCTIONS.get(name)
        if before_and_after is None:
            known = ", ".join(FUNCTIONS)
            raise self._scanner.refusal(f"no function: there are {known}", start)
        self._scanner.skip_blanks()
        at = self._scanner.position
        field = self._field(self._scanner.word(), at)
        if not self._scanner.take(_COMMA):
            raise self._scanner.refusal("a comma is missing")
        text = self._scanner.string()
        if text is None:
            raise self._scanner.refusal("a string in quotes is missing")
        if not self._scanner.take(_CALL_END):
            raise self._scanner.refusal("a closing parenthesis is missing")
        if field == Path(()) or (isinstance(field, Column) and field.is_time):
            raise self._scanner.refusal(f"{field} is no string", at)
        any_before, any_after = before_and_after
        asked = pattern(text.replace(STAR, "*"), any_before=any_before, any_after=any_after)
        return Comparison(field, Operator.EQUAL, asked)

    def _comparison(self, field: Field, operator: Operator) -> Comparison:
        operand = read_operand(self._scanner, field, operator)
        if isinstance(field, Column) and operand is not ANYTHING and operator is Operator.HAS:
            operator = Operator.EQUAL
        return Comparison(field, operator, operand)
