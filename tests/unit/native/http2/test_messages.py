"""Compression of messages, and its bound."""

import gzip
import random
import tracemalloc
import zlib

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.http2.messages import compress, decompress, name_of

COMPRESSIONS = ["deflate", "gzip"]


@pytest.mark.parametrize("encoding", COMPRESSIONS)
@given(body=st.binary(max_size=3_000))
def test_a_message_comes_back(encoding: str, body: bytes) -> None:
    packed = compress(encoding, body)
    assert decompress(encoding, packed, len(body)) == body
    if body:
        assert decompress(encoding, packed, len(body) - 1) is None


@given(body=st.binary(max_size=3_000))
def test_the_standard_library_reads_it(body: bytes) -> None:
    assert gzip.decompress(compress("gzip", body)) == body
    assert zlib.decompress(compress("deflate", body)) == body


@pytest.mark.parametrize("encoding", COMPRESSIONS)
@pytest.mark.parametrize("part", [bytes(1_000), random.Random(1).randbytes(1_000)])
@pytest.mark.parametrize("size_bytes", [40_000, 4 << 20, (4 << 20) + 1, 9 << 20])
def test_a_large_message_comes_back(encoding: str, part: bytes, size_bytes: int) -> None:
    body = (part * (size_bytes // len(part) + 1))[:size_bytes]
    packed = compress(encoding, body)
    assert decompress(encoding, packed, 16 << 20) == body
    assert decompress(encoding, packed, size_bytes) == body
    assert decompress(encoding, packed, size_bytes - 1) is None


@pytest.mark.parametrize("encoding", COMPRESSIONS)
@given(body=st.binary(max_size=200))
def test_what_is_not_compressed_is_refused(encoding: str, body: bytes) -> None:
    try:
        plain = decompress(encoding, body, 1_000)
    except ValueError:
        return
    assert plain is None or compress(encoding, plain) is not None


@pytest.mark.parametrize("encoding", COMPRESSIONS)
@pytest.mark.parametrize("change", [lambda packed: packed[:-1], lambda packed: packed + b"x"])
def test_a_part_or_more_than_one_is_refused(encoding: str, change: object) -> None:
    with pytest.raises(ValueError, match="not one whole"):
        decompress(encoding, change(compress(encoding, b"body")), 1_000)  # type: ignore[operator]


@pytest.mark.parametrize("encoding", COMPRESSIONS)
def test_a_bomb_is_inflated_to_the_bound_alone(encoding: str) -> None:
    bomb = compress(encoding, bytes(32 << 20))
    tracemalloc.start()
    try:
        assert decompress(encoding, bomb, 10_000) is None
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 200_000


def test_the_names_are_those_of_grpc() -> None:
    assert name_of(grpc.Compression.NoCompression) is None
    assert name_of(grpc.Compression.Deflate) == "deflate"
    assert name_of(grpc.Compression.Gzip) == "gzip"
    assert name_of(None) is None
    for wrong in (3, -1, "gzip"):
        with pytest.raises(ValueError, match="is no compression"):
            name_of(wrong)
