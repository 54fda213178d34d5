"""What gRPC writes into header fields, against plain models."""

import base64
import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.wire import decode_binary, encode_message, parse_timeout

UNITS_NS = {
    "n": 1,
    "u": 1_000,
    "m": 1_000_000,
    "S": 1_000_000_000,
    "M": 60_000_000_000,
    "H": 3_600_000_000_000,
}
MOST_NS = (2**63 - 1) // 4


@given(st.integers(0, 99_999_999), st.sampled_from(sorted(UNITS_NS)))
def test_a_timeout_is_what_it_says(number: int, unit: str) -> None:
    expected = min(number * UNITS_NS[unit], MOST_NS)
    assert parse_timeout(f"{number}{unit}".encode()) == expected
    assert parse_timeout(f"{number:08}{unit}".encode()) == expected


@given(st.one_of(st.binary(max_size=12), st.from_regex(rb"[0-9]{0,10}[a-zA-Z]?", fullmatch=True)))
def test_nothing_else_is_a_timeout(text: bytes) -> None:
    if re.fullmatch(rb"[0-9]{1,8}[HMSmun]", text):
        parse_timeout(text)
        return
    with pytest.raises(ValueError, match="not a grpc-timeout"):
        parse_timeout(text)


@given(st.text())
def test_a_message_is_read_back_by_any_client(text: str) -> None:
    encoded = encode_message(text)
    assert all(0x20 <= octet <= 0x7E for octet in encoded)
    assert unquote(encoded.decode("ascii")) == text


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", b""),
        ("plain ~ text", b"plain ~ text"),
        ("100%", b"100%25"),
        ("\t\r\n", b"%09%0D%0A"),
        ("\u00fc \U0001f600", b"%C3%BC %F0%9F%98%80"),
        ("\x7f", b"%7F"),
        ("\ud800", b"?"),
    ],
)
def test_messages_have_this_form(text: str, encoded: bytes) -> None:
    assert encode_message(text) == encoded


@given(st.lists(st.binary(), min_size=1, max_size=5), st.booleans(), st.sampled_from(["", " "]))
def test_binary_values_are_read_padded_and_not(
    values: list[bytes], padded: bool, space: str
) -> None:
    texts = [base64.b64encode(value) for value in values]
    if not padded:
        texts = [text.rstrip(b"=") for text in texts]
    assert decode_binary((b"," + space.encode()).join(texts)) == values


@given(st.binary())
def test_any_bytes_are_values_or_refused(text: bytes) -> None:
    try:
        values = decode_binary(text)
    except ValueError:
        return
    assert len(values) == text.count(b",") + 1


def test_a_field_has_so_many_values_and_no_more() -> None:
    assert decode_binary(b"," * 63) == [b""] * 64
    with pytest.raises(ValueError, match="too many"):
        decode_binary(b"," * 64)


@pytest.mark.parametrize("text", [b"*", b"a", b"YQ==YQ", b"Y Q", b"YQ=a", b"\xff", b"YQ,*"])
def test_what_is_not_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode_binary(text)
