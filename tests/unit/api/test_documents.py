"""Documents as google.protobuf.Struct has them, and back."""

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from blrcs.api.documents import document_of, encoded_struct
from blrcs.domain.errors import InvalidArgumentError

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
DOCUMENTS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=10,
    ),
)


@given(DOCUMENTS)
def test_a_document_comes_back(document):
    assert document_of(Struct.FromString(encoded_struct(document)), field="f") == document


@given(DOCUMENTS)
def test_equal_documents_are_equal_bytes(document):
    turned = dict(reversed(document.items()))
    assert encoded_struct(turned) == encoded_struct(document)


@pytest.mark.parametrize(
    ("number", "expected"), [(3.0, "3"), (-0.0, "0"), (2.5, "2.5"), (2.0**53, "9007199254740992.0")]
)
def test_whole_numbers_are_whole(number, expected):
    found = document_of(Struct(fields={"n": Value(number_value=number)}), field="f")
    assert repr(found["n"]) == expected


@pytest.mark.parametrize("value", [Value(), Value(number_value=float("nan"))])
def test_what_json_has_not_is_refused(value):
    within = Struct(fields={"deep": value})
    with pytest.raises(InvalidArgumentError) as caught:
        document_of(Struct(fields={"a": Value(struct_value=within)}), field="f")
    assert caught.value.field == "f"
