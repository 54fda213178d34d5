import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from blrcs.transfer.struct_bytes import encode_struct

WHOLE = st.integers(-(2**53), 2**53)
NUMBERS = WHOLE | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_it_is_read_as_the_struct_that_protobuf_makes(document):
    assert Struct.FromString(encode_struct(document)) == ParseDict(document, Struct())


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 70_000])
def test_texts_of_any_length(size):
    assert Struct.FromString(encode_struct({"a": "x" * size}))["a"] == "x" * size


def test_a_whole_number_that_would_become_another_one_is_refused():
    assert encode_struct({"a": 2**60})
    with pytest.raises(ValueError, match="9007199254740993"):
        encode_struct({"a": [2**53 + 1]})


@pytest.mark.parametrize("around", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_depth_is_bounded_as_the_server_bounds_it(around):
    value = 1
    for _ in range(29):
        value = around(value)
    assert encode_struct({"a": value})
    with pytest.raises(ValueError, match="30 objects and lists"):
        encode_struct({"a": around(value)})
