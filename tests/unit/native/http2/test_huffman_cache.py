"""Huffman-coded texts of heads, read as hpack reads them."""

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.http2.huffman_cache import HuffmanCache

ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
LEAST_BYTES, MOST_BYTES = 12, 1024
SLOTS = 1024

texts = st.binary(min_size=10, max_size=40) | st.sampled_from(
    [b"a" * 1000, b"0" * 1638, b"~" * 600]
)


@given(st.lists(texts, max_size=20))
@settings(deadline=None)
def test_texts_are_what_was_coded(texts: list[bytes]) -> None:
    cache = HuffmanCache()
    for text in (*texts, *texts, *texts):
        coded = ENCODER.encode(text)
        assert cache.decode(coded) in (None, text)
        if LEAST_BYTES <= len(coded) <= MOST_BYTES:
            assert (cache.decode(coded) or cache.decode(coded)) == text


def test_a_text_is_remembered_when_it_comes_again() -> None:
    cache = HuffmanCache()
    coded = ENCODER.encode(b"Bearer of a token")
    assert [cache.decode(coded) for _ in range(3)] == [None, *[b"Bearer of a token"] * 2]


@pytest.mark.parametrize("size", [LEAST_BYTES - 1, LEAST_BYTES, MOST_BYTES, MOST_BYTES + 1])
def test_very_short_and_very_long_texts_are_not_remembered(size: int) -> None:
    cache = HuffmanCache()
    coded = ENCODER.encode(b"&" * size)  # a character of eight bits
    assert len(coded) == size
    cache.decode(coded)
    expected = b"&" * size if LEAST_BYTES <= size <= MOST_BYTES else None
    assert cache.decode(coded) == expected


def test_what_is_no_code_is_never_read_and_harms_no_other() -> None:
    cache = HuffmanCache()
    end_of_text = b"\xff" * 12
    coded = ENCODER.encode(b"Bearer of a token")
    for _ in range(3):
        assert cache.decode(end_of_text) is None
    cache.decode(coded)
    assert cache.decode(coded) == b"Bearer of a token"


def test_it_holds_so_many_and_no_more() -> None:
    cache = HuffmanCache()
    coded = [ENCODER.encode(b"text number %09d" % number) for number in range(8 * SLOTS)]
    for _ in range(2):
        for each in coded:
            cache.decode(each)
            cache.decode(each)
    held = sum(cache.decode(each) is not None for each in coded)
    assert 0 < held <= 2 * SLOTS
