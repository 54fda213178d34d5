import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.expression import Column, Path
from blrcs.domain.order_by import (
    MAX_TERMS,
    OrderBy,
    OrderTerm,
    in_order,
    parse_order_by,
    position,
)
from tests.documents import documents, orders, subject


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(Column.RECORD_ID, False)]),
        ("  ", [(Column.RECORD_ID, False)]),
        ("name", [(Column.RECORD_ID, False)]),
        ("name desc, create_time", [(Column.RECORD_ID, True)]),
        ("create_time", [(Column.CREATE_TIME, False), (Column.RECORD_ID, False)]),
        ("create_time desc", [(Column.CREATE_TIME, True), (Column.RECORD_ID, True)]),
        ("create_time desc,record_id", [(Column.CREATE_TIME, True), (Column.RECORD_ID, False)]),
        (
            ' data.a."b c"  asc , update_time desc ',
            [(Path(("a", "b c")), False), (Column.UPDATE_TIME, True), (Column.RECORD_ID, True)],
        ),
        ("data.desc desc", [(Path(("desc",)), True), (Column.RECORD_ID, True)]),
    ],
)
def test_an_order_ends_with_the_id(text: str, expected: list[tuple[Any, bool]]) -> None:
    assert parse_order_by(text) == OrderBy(tuple(OrderTerm(*each) for each in expected))


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        (",", 1, "no field"),
        ("data.a,", 8, "no field"),
        ("data.a,,data.b", 8, "no field"),
        ("price", 1, "no field"),
        ("data", 1, "no field"),
        ("data.a down", 8, "neither asc nor desc"),
        ("data.a DESC", 8, "neither asc nor desc"),
        ("data.a desc asc", 13, "a comma is missing"),
        ("data.a, data.a desc", 9, "for the second time"),
        ("data.a; DROP TABLE records", 7, "a comma is missing"),
        (",".join(f"data.a{n}" for n in range(MAX_TERMS + 1)), 41, "more than"),
        ('data."a', 6, "does not end"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, position: int, problem: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_order_by(text)
    assert caught.value.field == "order_by"
    assert f"at character {position}: " in caught.value.message
    assert problem in caught.value.message


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        parse_order_by("data.a" + " " * 2000)


VALUES = [
    {}, {"a": None}, {"a": False}, {"a": True}, {"a": -1e300}, {"a": -1}, {"a": 0.5}, {"a": 2**60},
    {"a": ""}, {"a": "A"}, {"a": "a"}, {"a": "a "}, {"a": "\u00e9"}, {"a": "\uffff"},
    {"a": "\U0001f600"}, {"a": [2]}, {"a": {"b": 1}},
]  # fmt: skip


def test_types_have_an_order() -> None:
    subjects = [subject(f"{9 - n % 10}{n}", data) for n, data in enumerate(VALUES)]
    for order in (subjects, subjects[::-1]):
        assert in_order(parse_order_by("data.a"), order) == subjects
        assert in_order(parse_order_by("data.a desc"), order) == subjects[::-1]


def test_what_is_the_same_is_ordered_by_the_next_field_and_then_by_id() -> None:
    data = [{"a": 1, "b": 2}, {"a": 1.0, "b": 1}, {"a": -0.0}, {"a": 0}, {"a": ["x"]}, {"a": [1]}]
    subjects = [subject("abcdef"[n], each) for n, each in enumerate(data)]
    ids = [each.record_id for each in in_order(parse_order_by("data.a desc, data.b"), subjects)]
    assert ids == ["e", "f", "b", "a", "c", "d"]


def test_records_without_an_end_come_first() -> None:
    subjects = [subject("a", {}), subject("b", {}, expire_time_ns=5), subject("c", {})]
    assert [each.record_id for each in in_order(parse_order_by("expire_time"), subjects)] == [
        "a",
        "c",
        "b",
    ]


@given(documents, orders())
def test_a_position_survives_json(document: dict[str, Any], order_by: OrderBy) -> None:
    at = position(order_by, subject("a", document))
    assert tuple(json.loads(json.dumps(at))) == at


@given(st.text())
def test_any_text_is_an_order_or_refused(text: str) -> None:
    for each in (text, f"data.{text}", f"name {text}"):
        try:
            found = parse_order_by(each)
        except InvalidArgumentError:
            continue
        assert parse_order_by(str(found)) == found
