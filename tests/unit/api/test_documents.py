"""Documents as google.protobuf.Struct has them, and back."""

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from blrcs.api.documents import document_of, document_written, encoded_struct
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.text_document import TextDocument

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


@given(DOCUMENTS)
def test_a_document_is_written_as_protobuf_writes_it(document):
    message = Struct()
    message.update(document)
    assert encoded_struct(document) == message.SerializeToString(deterministic=True)


@given(
    DOCUMENTS.filter(lambda document: "\0" not in str(document) and "\\x00" not in str(document))
)
def test_what_is_written_is_known_as_its_text(document):
    data = Struct.FromString(encoded_struct(document))
    written, encoded = document_written(data, field="f")
    assert isinstance(written, TextDocument)
    assert dict(written) == document
    assert encoded == encoded_struct(document)


def test_what_a_client_adds_to_its_data_is_dropped():
    body = Struct(fields={"a": Value(bool_value=True)}).SerializeToString()
    # A field that nobody knows, beside the members and within a value.
    data = Struct.FromString(body + b"\x7a\x05smugg" + b"\x0a\x09\x0a\x01b\x12\x04\x20\x01\x78\x01")
    written, encoded = document_written(data, field="f")
    assert written == {"a": True, "b": True}
    assert encoded == encoded_struct({"a": True, "b": True})


def test_the_last_of_equal_names_is_the_one():
    first, second = (Struct(fields={"a": Value(string_value=text)}) for text in "xy")
    data = Struct.FromString(first.SerializeToString() + second.SerializeToString())
    written, encoded = document_written(data, field="f")
    assert dict(written) == {"a": "y"}
    assert encoded == encoded_struct({"a": "y"})


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
