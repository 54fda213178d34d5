"""Documents, filters and orders that databases may see in their own ways."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from blrcs.domain.filter.evaluation import Subject
from blrcs.domain.filter.expression import (
    ANYTHING,
    Column,
    Comparison,
    Expression,
    Filter,
    Operand,
    Operator,
    Path,
    Text,
    conjunction,
    disjunction,
    negation,
)
from blrcs.domain.filter.instant import Instant
from blrcs.domain.filter.operand import pattern
from blrcs.domain.order_by import OrderBy, OrderTerm, parse_order_by

PREFIX = "tenants/acme/collections/orders/records/"
ORDERING = [each for each in Operator if each is not Operator.HAS]

INJECTIONS = [
    "'; DROP TABLE filter_records; --",
    "' OR '1'='1",
    '" OR ""="',
    "\\' OR 1=1 -- ",
    "1); DELETE FROM filter_records; --",
    "') UNION SELECT tenant, collection FROM filter_records --",
    "%' OR 1=1 #",
    "/*!50000 OR 1=1 */",
    '"].$.*',
    '"."a',
    "$**.a",
    "a[*]",
    "x' || (SELECT 1) || '",
    "${jndi:x}",
    ":p0 %s %(tenant)s ? $1",
    "{}",
    "[]",
    "null",
    "true",
    "1",
    "\\",
    "\\\\",
    "\\u0000",
    "'",
    '"',
    "`",
    "--",
    "*",
    "%",
    "_",
    "$",
    ".",
    ";",
    "0",
]
STRINGS = [
    "", " ", "a", "A", "a ", " a", "aa", "ab", "b", "\u00e9", "e\u0301", "\u00df", "ss",
    "\U0001f600", "\uffff", "\ue000", "\t", "\n", "a\n",
    "\x01", "\x1f", "\x7f", "\u0130", "i", "I", "\u200d",
    "a" * 127 + "b", "a" * 128 + "b", "a" * 128 + "c", "\U0001f600" * 130, "x" * 3000,
    "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500Z",
    "2026-01-31T12:00:00.123456789Z", "2026-01-31T12:00:00.1234567890Z", "2026-01-31T12:00:00.Z",
    "2026-01-31T12:00:00+00:00", "2026-01-31t12:00:00z", "2026-01-31T12:00:00Z\n",
    "2026-01-31T12:00:00.5xZ", "9999-99-99T99:99:99Z", "2026-01-31T12:00:00ZZ",
    "\u0662026-01-31T12:00:00Z", "2026-01-31T12:00:00x5Z",
]  # fmt: skip
NUMBERS = [
    0, -0.0, 1, 1.0, -1, 2, 10, 0.1, 0.3, 0.1 + 0.2, 1e22, 1e23, 1e-7, 123456789.123456789,
    2**53, 2**53 + 1, 2**53 - 1, 2.0**53, 2**60, 2.0**60, 2**63 - 1, 2**63, 2**64 - 1, -(2**63),
    5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308,
    9007199254740993.0, 0.1234567890123456789, 8.41e21, 9.5e-5,
    # SQLite itself reads these as their neighbours.
    6290787420.370049, 65374436.48237985, 0.0003901694709791002, 1.0110828975116374e-295,
]  # fmt: skip
KEYS = [
    "a", "b", "k", "A", "0", "1", "\u00e9", "\U0001f600", "a b", " ", "$", "a.b", "[0]", "*", "%s",
    "'", "?", ":p0", "$.a", "`", "a-", "data", "AND", "true", "\x7f", "x" * 300,
]  # fmt: skip
UNNAMEABLE = ["-1", "-", "", '"', 'a"b', "\\", "\n", "a\\"]

characters = st.characters(codec="utf-8", exclude_characters="\0")
strings = st.sampled_from(STRINGS + INJECTIONS) | st.text(characters, max_size=6)
numbers = (
    st.sampled_from(NUMBERS)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**64 - 1)
)
scalars = st.none() | st.booleans() | numbers | strings
keys = st.sampled_from(KEYS[:3]) | st.sampled_from(KEYS)
all_keys = keys | st.sampled_from(UNNAMEABLE)
documents: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    all_keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(all_keys, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
times_ns = st.sampled_from([0, 1, -1, 10**18, 10**18 + 1, 2**63 - 1, -(2**62)])
paths = st.lists(keys, min_size=1, max_size=3).map(lambda found: Path(tuple(found)))


def subject(record_id: str, data: dict[str, Any], *, at_ns: int = 0, **times_ns: Any) -> Subject:
    """A record."""
    times = {"create_time_ns": at_ns, "update_time_ns": at_ns, "expire_time_ns": None}
    return Subject(name=PREFIX + record_id, record_id=record_id, data=data, **times | times_ns)


@dataclass(frozen=True)
class Case:
    """Records, and filters that have to do with what is in them."""

    subjects: list[Subject]
    filters: list[Filter]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Some records and filters."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6, unique=True))
    subjects = [
        subject(
            record_id,
            draw(documents),
            create_time_ns=draw(times_ns),
            update_time_ns=draw(times_ns),
            expire_time_ns=draw(st.none() | times_ns.filter(lambda each: each > 10)),
        )
        for record_id in ids
    ]
    places = [place for each in subjects for place in _places(each.data, ())]
    comparison: st.SearchStrategy[Comparison] = _column_comparisons() | _data_comparisons(places)
    expressions: st.SearchStrategy[Expression] = st.recursive(
        comparison,
        lambda inner: (
            inner.map(negation)
            | st.lists(inner, min_size=1, max_size=3).map(conjunction)
            | st.lists(inner, min_size=1, max_size=3).map(disjunction)
        ),
        max_leaves=4,
    )
    return Case(subjects, draw(st.lists(expressions.map(Filter), min_size=1, max_size=6)))


def _places(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The paths of a document with the scalars there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in UNNAMEABLE and len(path) < 9:
                yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner, path)
    elif path:
        yield path, value


@st.composite
def _data_comparisons(draw: st.DrawFn, places: list[tuple[tuple[str, ...], Any]]) -> Comparison:
    path, near = draw(paths), None
    if places and draw(st.integers(0, 3)) > 0:
        segments, near = draw(st.sampled_from(places))
        path = Path(segments)
        if draw(st.integers(0, 5)) == 0:
            path = Path(segments[:-1])
            near = segments[-1]
    operator = draw(st.sampled_from(list(Operator))) if path.segments else Operator.HAS
    operand = draw(_operands(near) if near is not None else _operands(draw(scalars)))
    if operator is Operator.HAS and draw(st.integers(0, 4)) == 0:
        return Comparison(path, operator, ANYTHING)
    if operator not in {Operator.EQUAL, Operator.HAS}:
        if operand is None or isinstance(operand, bool):
            operator = Operator.EQUAL
        elif isinstance(operand, Text):
            operand = Text(operand.text)
    return Comparison(path, operator, operand)


@st.composite
def _operands(draw: st.DrawFn, near: Any) -> Operand:
    """Something that has to do with a value."""
    value = near if draw(st.integers(0, 3)) else draw(scalars)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    parts = [(value[: draw(st.integers(0, 3))], False, True)]
    parts += [(value[draw(st.integers(0, 3)) :], True, False), (value[1:3], True, True)]
    patterns = [pattern(text, any_before=before, any_after=after) for text, before, after in parts]
    instants = times_ns.map(Instant) | st.just(Instant(1769860800_500_000_000))
    return draw(st.just(Text(value)) | st.sampled_from(patterns) | instants)


@st.composite
def _column_comparisons(draw: st.DrawFn) -> Comparison:
    column = draw(st.sampled_from(Column))
    if draw(st.integers(0, 5)) == 0:
        return Comparison(column, Operator.HAS, ANYTHING)
    operator = draw(st.sampled_from(ORDERING))
    if column.is_time:
        return Comparison(column, operator, Instant(draw(times_ns)))
    text = draw(st.sampled_from(["", "a", "b", "c", "h", "z", *INJECTIONS]))
    if column is Column.NAME:
        text = draw(st.sampled_from([PREFIX, "", "tenants/"])) + text
    if operator is Operator.EQUAL and draw(st.booleans()):
        return Comparison(
            column,
            operator,
            pattern(text, any_before=draw(st.booleans()), any_after=True),
        )
    return Comparison(column, operator, Text(text))


@st.composite
def orders(draw: st.DrawFn) -> OrderBy:
    """Some order."""
    fields = draw(
        st.lists(
            st.sampled_from(Column) | paths.filter(lambda each: len(each.segments) < 3),
            max_size=3,
            unique=True,
        )
    )
    terms = [OrderTerm(field, draw(st.booleans())) for field in fields]
    return parse_order_by(", ".join(map(str, terms)))
