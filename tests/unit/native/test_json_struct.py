"""JSON text written natively is what orjson reads of it, written as a Struct."""

import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blrcs_native.json_struct import struct_of_json
from blrcs_native.struct_wire import struct_of

LEVELS = 30
WHOLE = st.integers(-(2**53), 2**53)
NUMBERS = WHOLE | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=20),
    max_leaves=30,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=20)
ALPHABET = st.sampled_from([*'{}[]:,"\\/bfnrtu0123456789.eE+-adDC \t\n\x00\x1f\x7f', "é", "😀"])


def by_other_means(text):
    """What orjson and the writer of documents make of it; None where they refuse it."""
    try:
        found = orjson.loads(text)
        return struct_of(found, LEVELS) if isinstance(found, dict) else None
    except ValueError:
        return None


def names_twice(text):
    found = []
    json.loads(text, object_pairs_hook=lambda pairs: found.append(len({*dict(pairs)}) < len(pairs)))
    return any(found)


def check(text):
    """What is read natively is what is read by other means."""
    native = struct_of_json(text, LEVELS)
    assert native is None or native == by_other_means(text)
    return native


@given(DOCUMENTS, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_document_is_read(document, indent, ensure_ascii):
    text = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii).encode()
    if "-0" in text.decode():
        check(text)
    else:
        assert check(text) == struct_of(document, LEVELS)


@given(st.text(ALPHABET, max_size=30), st.binary(max_size=4))
@example('"', b"\xc3")
@example('1"', b"\xed\xa0\x80")
def test_whatever_is_read_is_read_alike(text, octets):
    check(b'{"a":' + text.encode() + b"}")
    check(b'{"a":"' + text.encode() + octets + b'"}')
    check(b'{"' + octets + text.encode() + b'":1}')
    check(text.encode() + octets)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(-400, 400))
@example(2**53 + 1, 1)
@example(1, 309)
@example(5, -324)
def test_numbers_are_the_nearest(number, power):
    check(b'{"a":%s}' % f"{number:f}".encode())
    check(b'{"a":[%de%d,%d.0E+%d]}' % (int(number), power, int(number), abs(power)))


@pytest.mark.parametrize(
    "number",
    ["0", "-1", "1e5", "0.1", "-0.0", "1E-5", "9007199254740992", "1.7976931348623157e308"],
)
def test_usual_numbers_are_read(number):
    assert check(b'{"a":%s}' % number.encode()) is not None


@pytest.mark.parametrize(
    "number",
    [
        *("", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "1_0"),
        *("9007199254740993", "-0", "1" * 70, "0." + "1" * 70, "1.5.5", "--1", "1e1.5", "1e999"),
    ],
)
def test_other_numbers_are_left_to_other_means(number):
    assert check(b'{"a":%s}' % number.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        *(r"\ud800", r"\udc00\ud800", r"\ud800\u0041", r"\ud83d", r"\u12", r"\u12g4"),
        *("\\", r"\x", r"\U", "\x00", "\x1f", "\n"),
    ],
)
def test_texts_that_are_none(text):
    assert check(b'{"a":"%s"}' % text.encode()) is None
    assert check(b'{"%s":"a"}' % text.encode()) is None


def test_escapes():
    written = rb'{"\u0061\n":"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83d\ude00\u0000"}'
    assert check(written) == struct_of({"a\n": '"\\/\b\f\n\r\té€😀\0'}, LEVELS)


@pytest.mark.parametrize("count", [2, 16, 17, 100, 256])
def test_a_name_twice_is_left_to_other_means(count):
    names = [f"name {number:03}" for number in range(count)]
    text = orjson.dumps(dict.fromkeys(names, 1)).decode()
    assert check(text.encode()) is not None
    for name in (names[0], names[count // 2], names[-2]):
        twice = text[:-1] + f',"{name}":2}}'
        assert names_twice(twice)
        assert check(twice.encode()) is None
    assert check(b'{"a":{%s},"b":{%s}}' % (text[1:-1].encode(), text[1:-1].encode())) is not None


def test_an_object_of_many_names_is_left_to_other_means():
    assert check(orjson.dumps({str(number): 1 for number in range(257)})) is None


@pytest.mark.parametrize("around", [b'{"a":%s}', b"[%s]"])
def test_depth_is_bounded(around):
    value = b"1"
    for _ in range(LEVELS - 1):
        value = around % value
    assert check(b'{"a":%s}' % value) is not None
    assert check(b'{"a":%s}' % (around % value)) is None


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 119, 120, 127, 128, 16_383, 16_384, 70_000])
@pytest.mark.parametrize("character", ["x", "é", "\n"])
def test_texts_of_any_length(size, character):
    document = {"a": {"b": [character * size, "", character], "": character * size}}
    assert check(orjson.dumps(document)) == struct_of(document, LEVELS)


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"{", b"[]", b"1", b"{}{}", b"{},", b"{]", b'{"a"}', b'{"a":}', b"\xef\xbb\xbf{}"],
)
def test_what_is_no_object(text):
    assert check(text) is None


@pytest.mark.parametrize("text", [b"{}", b" {\n}\r\n\t", b'{ "a" : [ ] , "b" : { } }'])
def test_spaces(text):
    assert check(text) is not None


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.integers(0, 400))
def test_a_text_that_ends_early_is_none(document, end):
    text = orjson.dumps(document)
    assert struct_of_json(text[:end], LEVELS) is None or end >= len(text)


@pytest.mark.parametrize("levels", [0, 257])
def test_levels_are_bounded(levels):
    with pytest.raises(ValueError, match="at least one level"):
        struct_of_json(b"{}", levels)
