"""Bytes that are made of a document are those of the message."""

import struct
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.encoding.struct_wire import struct_of

NAMES = st.sampled_from(["", "a", "ab", "abc", "b", "\u00e9", "\U0001f600", "x" * 200]) | st.text(
    max_size=4
)
SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=200)
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS | st.integers(-(2**53), 2**53),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=20,
    ),
)


def message(document: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(document)
    return made


@given(DOCUMENTS)
def test_bytes_are_read_as_the_document(document: dict[str, Any]) -> None:
    assert Struct.FromString(struct_of(document, 100)) == message(document)


@given(DOCUMENTS)
def test_ordered_bytes_are_those_of_the_serializer(document: dict[str, Any]) -> None:
    expected = message(document).SerializeToString(deterministic=True)
    assert struct_of(document, 100, ordered=True) == expected


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_000_000])
def test_texts_of_any_length(size: int) -> None:
    assert Struct.FromString(struct_of({"a": "x" * size}, 1))["a"] == "x" * size


@pytest.mark.parametrize("levels", [1, 2, 30])
def test_levels_are_bounded(levels: int) -> None:
    value: Any = 1
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    assert struct_of({"a": value}, levels)
    with pytest.raises(ValueError, match=f"more than {levels} objects and lists"):
        struct_of({"a": [value]}, levels)


@pytest.mark.parametrize("levels", [0, 257])
def test_as_many_levels_as_there_may_be(levels: int) -> None:
    with pytest.raises(ValueError, match="level"):
        struct_of({}, levels)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**60) - 1, 10**400])
def test_a_whole_number_that_would_become_another_one_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="do not hold exactly"):
        struct_of({"a": [number]}, 2)


def test_whole_numbers_that_are_exact_are_doubles() -> None:
    assert struct.pack("<d", 2.0**60) in struct_of({"a": 2**60}, 1)


@pytest.mark.parametrize("value", [(), {1: 2}, b"", object()])
def test_what_json_has_not_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        struct_of({"a": value}, 3)


@pytest.mark.parametrize("document", [{"a": "\ud800"}, {"\udfff": 1}])
@pytest.mark.parametrize("ordered", [False, True])
def test_half_a_surrogate_pair_is_refused(document: dict[str, Any], ordered: bool) -> None:
    with pytest.raises(UnicodeEncodeError):
        struct_of(document, 1, ordered=ordered)
