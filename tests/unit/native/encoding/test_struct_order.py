"""A Struct in order is what protobuf's deterministic serialization makes of it."""

import random

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.encoding.struct_json import json_of_struct
from blrcs_native.encoding.struct_order import in_order
from tests.varint import varint

LEVELS = 32
NAMES = st.text("abé\x00", max_size=4) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=20),
    max_leaves=40,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=24)


def field(number, octets):
    return varint(number << 3 | 2) + varint(len(octets)) + octets


def shuffled(struct, source):
    """A Struct's octets with the members of each object in some order."""
    members = list(struct.fields.items())
    source.shuffle(members)
    return b"".join(
        field(1, field(1, name.encode()) + field(2, shuffled_value(value, source)))
        for name, value in members
    )


def shuffled_value(value, source):
    match value.WhichOneof("kind"):
        case "struct_value":
            return field(5, shuffled(value.struct_value, source))
        case "list_value":
            values = [field(1, shuffled_value(each, source)) for each in value.list_value.values]
            return field(6, b"".join(values))
    return value.SerializeToString()


def struct_of(document):
    struct = Struct()
    struct.update(document)
    return struct


@given(DOCUMENTS, st.integers(0, 1 << 16))
def test_any_order_becomes_the_deterministic_one(document, seed):
    struct = struct_of(document)
    expected = struct.SerializeToString(deterministic=True)
    found = in_order(shuffled(struct, random.Random(seed)), LEVELS)
    assert found == expected
    assert in_order(struct.SerializeToString(), LEVELS) == expected


@given(st.binary(max_size=60))
def test_what_is_read_of_any_octets_is_what_protobuf_reads(octets):
    found = in_order(octets, LEVELS)
    text = None if found is None else json_of_struct(found, LEVELS)
    if text is not None:
        assert Struct.FromString(octets).SerializeToString(deterministic=True) == found


def test_a_name_that_comes_twice_is_left_to_protobuf():
    member = field(1, field(1, b"a") + field(2, b"\x08\x00"))
    assert in_order(member, LEVELS) == member
    assert in_order(member + member, LEVELS) is None


@pytest.mark.parametrize("make", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_levels_are_bounded(make):
    document = None
    for _ in range(5):
        document = make(document)
    encoded = struct_of({"of": document}).SerializeToString()
    assert in_order(encoded, 6) == encoded
    assert in_order(encoded, 5) is None


def test_levels_are_some():
    with pytest.raises(ValueError, match="at least one level"):
        in_order(b"", 0)
