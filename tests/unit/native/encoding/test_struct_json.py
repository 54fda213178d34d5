"""The text that is made of a Struct's bytes is the one that is made of its values."""

import math
import struct
from typing import Any

import orjson
import pytest
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blrcs.api.documents import document_of
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.filter.document import MAX_DEPTH, check_document
from blrcs_native.encoding.struct_json import json_of_struct
from tests.documents import NUMBERS, STRINGS
from tests.unit.native.encoding.wire_strategies import near

TEXTS = st.sampled_from([*STRINGS, *map(chr, range(128)), "x" * 7 + '"', "\\" * 9]) | st.text(
    max_size=20
)
DOUBLES = st.sampled_from([float(each) for each in NUMBERS]) | st.floats()
NULLS = st.sampled_from([Value(null_value=0), Value(null_value=5), Value(null_value=-1)])
SCALARS = (
    TEXTS.map(lambda text: Value(string_value=text))
    | DOUBLES.map(lambda number: Value(number_value=number))
    | st.booleans().map(lambda flag: Value(bool_value=flag))
    | NULLS
)


def structs(values: Any, names: Any = TEXTS) -> Any:
    return st.dictionaries(names, values, max_size=4).map(lambda members: Struct(fields=members))


def trees(leaves: Any) -> Any:
    return structs(
        st.recursive(
            leaves,
            lambda inner: (
                structs(inner).map(lambda within: Value(struct_value=within))
                | st.lists(inner, max_size=4).map(
                    lambda items: Value(list_value=ListValue(values=items))
                )
            ),
            max_leaves=10,
        )
    )


DATA = trees(SCALARS)
ODD_DATA = trees(SCALARS | st.just(Value()))


def encoded(data: Struct) -> bytes:
    return data.SerializeToString(deterministic=True)


def expected(data: Struct) -> str | None:
    """What Python makes of it, by the values."""
    try:
        document = document_of(data, field="data")
        check_document(document)
    except InvalidArgumentError:
        return None
    return orjson.dumps(_in_order(document)).decode()


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        # As protobuf's own serializer has it: a name comes behind those that begin with it.
        names = sorted(value, key=lambda name: name.encode() + b"\xff")
        return {name: _in_order(value[name]) for name in names}
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def nested(levels: int, *, lists: bool = False) -> Struct:
    """Objects, or objects and lists, in each other on so many levels."""
    value = Value(bool_value=True)
    for level in range(levels - 1):
        if lists and level % 2:
            value = Value(list_value=ListValue(values=[value]))
        else:
            value = Value(struct_value=Struct(fields={"a": value}))
    return Struct(fields={"a": value})


@given(DATA)
@settings(deadline=None)
def test_the_text_is_that_of_the_values(data: Struct) -> None:
    assert json_of_struct(encoded(data), MAX_DEPTH) == expected(data)


@given(ODD_DATA)
@settings(deadline=None)
def test_what_is_refused_has_no_text(data: Struct) -> None:
    assert json_of_struct(encoded(data), MAX_DEPTH) == expected(data)


@given(st.floats())
@example(-0.0)
@example(2.0**53)
@example(2.0**53 - 1)
@example(-(2.0**53))
@example(1e16)
@example(1e-7)
@example(5e-324)
def test_numbers_are_written_as_those_of_the_document(number: float) -> None:
    data = Struct(fields={"n": Value(number_value=number)})
    text = json_of_struct(encoded(data), MAX_DEPTH)
    assert (text is None) == (not math.isfinite(number))
    if text is not None:
        assert text == expected(data)
        assert orjson.loads(text)["n"] == number


@given(near(DATA.map(encoded)))
@settings(deadline=None)
def test_of_bytes_that_are_read_protobuf_reads_the_same(body: bytes) -> None:
    text = json_of_struct(body, MAX_DEPTH)
    if text is None:
        return
    try:
        data = Struct.FromString(body)
    except DecodeError:
        pytest.fail("protobuf refuses it")
    assert text == expected(data)


def member(name: bytes, value: bytes) -> bytes:
    entry = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(value)]) + value
    return b"\x0a" + bytes([len(entry)]) + entry


TRUE = b"\x20\x01"
FALSE = b"\x20\x00"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(member(b"a", TRUE) + member(b"a", FALSE), id="a name twice"),
        pytest.param(member(b"b", TRUE) + member(b"a", FALSE), id="names in another order"),
        pytest.param(
            member(b"a", TRUE) + member(b"ab", TRUE) + member(b"a", FALSE), id="there and back"
        ),
        pytest.param(
            b"".join(member(name, TRUE) for name in (b"a", b"ab", b"cd", b"c")),
            id="longer names once behind and once before",
        ),
        pytest.param(member(b"a", TRUE + FALSE), id="a value that is split"),
        pytest.param(member(b"a", TRUE + b"\x1a\x01x"), id="two kinds, of which the last wins"),
        pytest.param(member(b"a", b"\x20\x02"), id="a flag that is neither"),
        pytest.param(member(b"a", b"\x20\x81\x00"), id="a flag in more bytes than it takes"),
        pytest.param(member(b"a", TRUE + b"\x38\x01"), id="a field that nobody knows"),
        pytest.param(member(b"a", TRUE) + b"\x10\x01", id="another beside the members"),
        pytest.param(member(b"a", b""), id="no kind"),
        pytest.param(member(b"a", b"\x11" + struct.pack("<d", 1)[:7]), id="half a number"),
        pytest.param(member(b"a", b"\x1a\x01\xff"), id="no UTF-8"),
        pytest.param(member(b"a", b"\x1a\x03\xed\xa0\x80"), id="half of a surrogate pair"),
        pytest.param(member(b"a", b"\x1a\x01\xc3") + member(b"b", TRUE), id="half a character"),
        pytest.param(member(b"\xff", TRUE), id="a name that is not UTF-8"),
        pytest.param(member(b"a", b"\x1a\x01\0"), id="a NUL"),
        pytest.param(member(b"\0", TRUE), id="a NUL in a name"),
        pytest.param(b"\x0a\x04\x12\x02\x20\x01", id="no name"),
        pytest.param(b"\x0a\x03\x0a\x01a", id="no value"),
        pytest.param(b"\x0a\x7f", id="shorter than it says"),
    ],
)
def test_whatever_else_is_left_to_protobuf(body: bytes) -> None:
    assert json_of_struct(body, MAX_DEPTH) is None


@pytest.mark.parametrize("lists", [False, True])
def test_levels_are_counted_as_documents_are_checked(lists: bool) -> None:
    for levels in (1, 2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2):
        data = nested(levels, lists=lists)
        text = json_of_struct(encoded(data), MAX_DEPTH)
        assert text == expected(data)
        assert (text is None) == (levels > MAX_DEPTH)


@pytest.mark.parametrize("names", [("a", "ab", "abc", "b"), ("abc", "ab", "a", "b")])
def test_names_that_begin_with_others_come_on_either_side(names: tuple[str, ...]) -> None:
    body = b"".join(member(name.encode(), TRUE) for name in names)
    assert json_of_struct(body, MAX_DEPTH) == orjson.dumps(dict.fromkeys(names, True)).decode()


def test_an_empty_document_has_a_text() -> None:
    assert json_of_struct(b"", 1) == "{}"


@pytest.mark.parametrize("levels", [0, -1, 257])
def test_levels_are_bounded(levels: int) -> None:
    with pytest.raises(ValueError, match="level"):
        json_of_struct(b"", levels)


def test_texts_grow_as_they_need_to() -> None:
    data = Struct(fields={"\x01" * 1000: Value(string_value="\x1f" * 100_000)})
    data.fields["list"].list_value.values.extend([Value(number_value=1e300)] * 10_000)
    assert json_of_struct(encoded(data), MAX_DEPTH) == expected(data)
