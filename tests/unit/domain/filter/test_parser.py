from pathlib import Path as File

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import (
    ANYTHING,
    And,
    Column,
    Comparison,
    Expression,
    Filter,
    Not,
    Operand,
    Operator,
    Or,
    Path,
    Text,
)
from blrcs.domain.filter.instant import Instant
from blrcs.domain.filter.parser import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_KEYS,
    MAX_RESTRICTIONS,
    parse_filter,
)
from blrcs.domain.filter.scanner import MAX_SEGMENTS
from tests.documents import cases

A, B, C = (Comparison(Path((key,)), Operator.EQUAL, 1.0) for key in "abc")


def parsed(text: str) -> Expression | None:
    return parse_filter(text).expression


def operand(text: str) -> Operand:
    found = parsed(f"data.a = {text}")
    assert isinstance(found, Comparison)
    return found.operand


@pytest.mark.parametrize("text", ["", " ", "\t\r\n "])
def test_nothing_lets_everything_pass(text: str) -> None:
    assert parse_filter(text) == Filter(None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.a=1", A),
        (" ( data.a = 1 ) ", A),
        ("data.a=1 AND data.b=1", And((A, B))),
        ("data.a=1 data.b=1", And((A, B))),
        ("data.a=1 AND data.b=1 OR data.c=1", And((A, Or((B, C))))),
        ("data.a=1 OR data.b=1 AND data.c=1", And((Or((A, B)), C))),
        ("data.a=1 data.b=1 OR data.c=1", And((A, Or((B, C))))),
        ("(data.a=1 data.b=1) OR data.c=1", Or((And((A, B)), C))),
        ("(data.a=1 AND data.b=1) AND data.c=1", And((A, B, C))),
        ("data.a=1 OR (data.b=1 OR data.c=1)", Or((A, B, C))),
        ("NOT data.a=1", Not(A)),
        ("-data.a=1", Not(A)),
        ("NOT(data.a=1)", Not(A)),
        ("-(NOT data.a=1)", A),
        ("data.a!=1", Not(A)),
        ("NOT data.a!=1", A),
        ("NOT data.a=1 OR data.b=1", Or((Not(A), B))),
        ("NOT (data.a=1 data.b=1)", Not(And((A, B)))),
    ],
)
def test_or_binds_closer_than_and(text: str, expected: Expression) -> None:
    assert parsed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1.0),
        ("-1.5e3", -1500.0),
        ("1E-2", 0.01),
        ("9007199254740993", 9007199254740992.0),
        ("true", True),
        ("false", False),
        ("null", None),
        ("NULL", Text("NULL")),
        ("foo", Text("foo")),
        ("foo-bar/baz_1", Text("foo-bar/baz_1")),
        ("\u00e9t\u00e9", Text("\u00e9t\u00e9")),
        ('"foo bar"', Text("foo bar")),
        ("'it\"s'", Text('it"s')),
        ('"1"', Text("1")),
        ('""', Text("")),
        (r'"\"\\\'\*\n\r\t\u00e9\ud83d\ude00"', Text("\"\\'*\n\r\t\u00e9\U0001f600")),
        ('"foo*"', Text("foo", any_after=True)),
        ('"*foo"', Text("foo", any_before=True)),
        ('"*foo*"', Text("foo", any_before=True, any_after=True)),
        ("*foo*", Text("foo", any_before=True, any_after=True)),
        (r'"\*foo\\*"', Text("*foo\\", any_after=True)),
        ('"*"', Text("", any_after=True)),
        ('"**"', Text("", any_after=True)),
        ('timestamp("1970-01-01T01:00:01.5+01:00")', Instant(1_500_000_000)),
        ("2026-01-31T12:00:00Z", Text("2026-01-31T12:00:00Z")),
    ],
)
def test_values(text: str, expected: Operand) -> None:
    assert repr(operand(text)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.a:*", Comparison(Path(("a",)), Operator.HAS, ANYTHING)),
        ('data.a:"*"', Comparison(Path(("a",)), Operator.HAS, Text("", any_after=True))),
        ("data:a", Comparison(Path(()), Operator.HAS, Text("a"))),
        ("data.a.b.c < 1", Comparison(Path(("a", "b", "c")), Operator.LESS, 1.0)),
        (
            'data."a b".NOT >= "*"',
            Comparison(Path(("a b", "NOT")), Operator.GREATER_OR_EQUAL, Text("*")),
        ),
        (r'data.a < "\**"', Comparison(Path(("a",)), Operator.LESS, Text("**"))),
        ("data.a-b = 1", Comparison(Path(("a-b",)), Operator.EQUAL, 1.0)),
        ("record_id = 7", Comparison(Column.RECORD_ID, Operator.EQUAL, Text("7"))),
        ("record_id:7*", Comparison(Column.RECORD_ID, Operator.EQUAL, Text("7", any_after=True))),
        ("name > true", Comparison(Column.NAME, Operator.GREATER, Text("true"))),
        ("expire_time:*", Comparison(Column.EXPIRE_TIME, Operator.HAS, ANYTHING)),
        (
            "create_time <= 1970-01-01T00:00:01Z",
            Comparison(Column.CREATE_TIME, Operator.LESS_OR_EQUAL, Instant(10**9)),
        ),
        (
            "update_time:'1970-01-01T00:00:00.000000001Z'",
            Comparison(Column.UPDATE_TIME, Operator.EQUAL, Instant(1)),
        ),
        (
            'startsWith(data.a, "x*")',
            Comparison(Path(("a",)), Operator.EQUAL, Text("x*", any_after=True)),
        ),
        (
            'hasPrefix( record_id ,"x" )',
            Comparison(Column.RECORD_ID, Operator.EQUAL, Text("x", any_after=True)),
        ),
        (
            "endsWith(data.a, 'x')",
            Comparison(Path(("a",)), Operator.EQUAL, Text("x", any_before=True)),
        ),
        (
            'contains(data.a, "")',
            Comparison(Path(("a",)), Operator.EQUAL, Text("", any_after=True)),
        ),
    ],
)
def test_comparisons(text: str, expected: Comparison) -> None:
    assert repr(parsed(text)) == repr(expected)


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("Hugo", 1, "no field"),
        ('data.a=1 "Hugo"', 10, "no field"),
        ("price > 3", 1, "no field"),
        ("data.a", 7, "is missing after the field"),
        ("data.a = ", 10, "a value is missing"),
        ("data.a == 1", 9, "a value is missing"),
        ("data.a=1 and data.b=1", 10, "no field"),
        ("data.a=1data.b=1", 8, "is to be put in quotes"),
        ("data.a='1'data.b=1", 11, "a blank is missing"),
        ("data.a=1 OR", 12, "no field"),
        ("data.a=1 OR OR data.b=1", 13, "no field"),
        ("AND data.a=1", 1, "no field"),
        ("NOT NOT data.a=1", 5, "no field"),
        ("(data.a=1", 10, "a closing parenthesis is missing"),
        ("data.a=1)", 9, "a closing parenthesis that nothing opened"),
        ("()", 2, "no field"),
        ("data.a=(1 OR 2)", 8, "no list of values"),
        ("data.a=*", 8, "* alone stands only after :"),
        ('data.a="x*y"', 8, "a * within a string"),
        ("data.a=x*y", 8, "a value is missing"),
        ('data.a="x', 8, "a string that does not end"),
        (r'data.a="\x"', 8, "an escape that is none"),
        (r'data.a="\u12"', 8, "an escape that is none"),
        (r'data.a="\ud800"', 8, "half of a character"),
        (r'data.a="\u0000"', 8, "no string has a NUL"),
        ('data.a="\0"', 8, "a string that does not end"),
        ("data.a=\ud800", 8, "half of a character"),
        ("data.a=1e400", 8, "out of range"),
        ("data.a=007", 8, "no number"),
        ("data.a=20s", 8, "no number"),
        ("data.a=2026-01-31", 8, "no number"),
        ("data.a=-foo", 8, "no number"),
        ("data.a<true", 8, "no order"),
        ("data.a>=null", 9, "no order"),
        ("data = 1", 8, "can only be asked what it has"),
        ("data.a. = 1", 8, "a key is missing"),
        ("data..a = 1", 6, "a key is missing"),
        ('data."" = 1', 6, "a key that is empty"),
        ("data.-a = 1", 6, "begins with -"),
        (r'data."\"" = 1', 6, 'has "'),
        (r'data."a\n" = 1', 6, "a control"),
        ("data.a[0] < 1", 7, "is missing after the field"),
        ("data.a.*=1", 8, "a key is missing"),
        ("name.a = 1", 5, "is missing after the field"),
        ("create_time > 5", 15, "is no timestamp"),
        ("create_time > yesterday", 15, "is no timestamp"),
        ('create_time > "2026-02-30T00:00:00Z"', 15, "does not exist"),
        ('create_time > "2300-01-01T00:00:00Z"', 15, "out of range"),
        ('data.a > timestamp("x")', 20, "is no timestamp"),
        ('data.a > timestamp("2026-01-31T00:00:00Z"', 42, "a closing parenthesis"),
        ('regex(data.a, "x")', 1, "no function"),
        ('startsWith(create_time, "x")', 12, "is no string"),
        ('startsWith(data, "x")', 12, "is no string"),
        ("startsWith(data.a, x)", 20, "a string in quotes"),
        ('startsWith(data.a "x")', 18, "a comma"),
        ('startsWith(data.a, "x"', 23, "a closing parenthesis"),
        ('startsWith(x, "x")', 12, "no field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, position: int, problem: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_filter(text)
    assert caught.value.field == "filter"
    assert caught.value.reason == "FILTER_INVALID"
    assert f"at character {position}: " in caught.value.message
    assert problem in caught.value.message


def test_there_are_bounds() -> None:
    most = " ".join(["data.a=1"] * MAX_RESTRICTIONS)
    deepest = "(" * MAX_DEPTH + "data.a=1" + ")" * MAX_DEPTH
    most_keys = " ".join(["data.a.b.c.d=1"] * (MAX_KEYS // 4))
    longest_path = "data" + ".a" * MAX_SEGMENTS + "=1"
    for text in (most, deepest, longest_path, most_keys):
        assert parsed(text) is not None
    for text in (
        f"{most} data.a=1",
        f"({deepest})",
        f"{most_keys} data.a=1",
        longest_path.replace("=", ".a="),
        "data.a=1" + " " * MAX_CHARACTERS,
    ):
        with pytest.raises(InvalidArgumentError):
            parse_filter(text)


@settings(max_examples=60)
@given(cases())
def test_what_is_printed_is_parsed_to_the_same(case) -> None:
    for filter_ in case.filters:
        assert repr(parse_filter(str(filter_))) == repr(filter_)


PIECES = (
    'data name . .a ."b" : = != < <= > >= ( ) , * - " \' \\ \\u0 AND OR NOT true null 1 -1e5 1.5 '
    "timestamp( startsWith( contains( foo \0 \ud800 \u00e9 2026-01-31T12:00:00Z"
)
pieces = st.sampled_from([" ", *PIECES.split(" ")])
texts = st.text() | st.lists(pieces, max_size=40).map("".join) | st.lists(pieces).map(" ".join)


@settings(max_examples=500)
@given(texts)
@example("(" * MAX_CHARACTERS)
@example("-" * MAX_CHARACTERS)
@example("NOT " * (MAX_CHARACTERS // 4))
@example('"' + "\\" * (MAX_CHARACTERS - 1))
@example("data" + ".a" * (MAX_CHARACTERS // 2 - 2))
@example("data.a=" + "1" * (MAX_CHARACTERS - 7))
@example("data.a=1." + "1" * (MAX_CHARACTERS - 10) + "x")
@example('data.a="' + "\\u0041" * 600)
@example("data.a=1 " * 450)
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    try:
        found = parse_filter(text)
    except InvalidArgumentError as error:
        assert error.field == "filter"  # noqa: PT017 - most texts are refused
        return
    assert repr(parse_filter(str(found))) == repr(found)


def test_the_examples_of_the_documentation_are_filters() -> None:
    text = (File(__file__).parents[4] / "docs" / "filters.md").read_text()
    examples = [line.split("   ")[0] for line in text.split("```")[1].strip().splitlines()]
    assert len(examples) == 5
    for each in examples:
        assert parsed(each) is not None
