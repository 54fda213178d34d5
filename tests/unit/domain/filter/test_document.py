from typing import Any

import orjson
import pytest
from hypothesis import given

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.document import MAX_DEPTH, check_document
from tests.documents import documents


def nested(levels: int) -> dict[str, Any]:
    value: Any = 1
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return {"a": value}


@given(documents)
def test_documents_pass(document: dict[str, Any]) -> None:
    check_document(document)
    orjson.dumps(document)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a\0b", "NUL"),
        ({"a\0": 1}, "NUL"),
        ("\ud800", "surrogate"),
        ({"\udfff": 1}, "surrogate"),
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        (2**64, "64 bits"),
        (2**5000, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        ([[[{"a": ["\0"]}]]], "NUL"),
        (nested(MAX_DEPTH), "levels"),
        ([0] * 10 + [nested(5000)], "levels"),
    ],
)
def test_what_no_database_could_hold_is_refused(value: object, problem: str) -> None:
    with pytest.raises(InvalidArgumentError, match=problem) as caught:
        check_document({"a": value}, field="record.data")
    assert caught.value.field == "record.data"


def test_bounds_are_within() -> None:
    check_document({"a": [2**64 - 1, -(2**63), 1.7976931348623157e308, True]})
    check_document(nested(MAX_DEPTH))
