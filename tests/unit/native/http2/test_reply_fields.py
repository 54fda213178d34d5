"""Metadata as it is sent: what HTTP or gRPC would misread is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.reply_fields import check_fields
from blrcs_native.http2.wire import decode_binary


def test_text_and_bytes_are_fields() -> None:
    assert check_fields((("a", "b"), ("a.b_c-9", ""), ("x-bin", b"\0\xff"))) == [
        (b"a", b"b"),
        (b"a.b_c-9", b""),
        (b"x-bin", b"AP8"),
    ]
    assert check_fields(()) == []
    assert check_fields(None) == []  # type: ignore[arg-type]


@given(st.binary())
def test_binary_values_come_back(value: bytes) -> None:
    ((_, text),) = check_fields((("k-bin", value),))
    assert decode_binary(text) == [value]


@pytest.mark.parametrize(
    "name",
    ["", "Upper", "a b", ":status", "a\r\nb", "\u00fc", "a:b", "te", "grpc-status", "connection"],
)
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not a name of metadata"):
        check_fields(((name, "v"),))


@pytest.mark.parametrize("value", ["a\r\nb: c", "\0", "\u00fc", "\x7f", "\t"])
def test_values_that_could_be_more_than_a_value_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not printable ASCII"):
        check_fields((("k", value),))


@pytest.mark.parametrize(("name", "value"), [("k-bin", "text"), ("k", 1), ("k", None)])
def test_values_of_another_type_are_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError):
        check_fields(((name, value),))  # type: ignore[arg-type]
