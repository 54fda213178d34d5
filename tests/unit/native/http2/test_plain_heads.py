"""Heads whose texts are decoded ahead of nghttp2 say what they said before."""

from collections.abc import Sequence

import hpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blrcs_native.calls.call import Call
from blrcs_native.http2.huffman_cache import HuffmanCache
from blrcs_native.http2.plain_heads import PlainHeads
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, status_of

END = frames.END_HEADERS
PRIORITY_FLAG = 0x20
TOKEN = b"Bearer " + b"eyJhbGciOiJFZERTQSJ9" * 20
TOKEN_FIELD = (b"authorization", TOKEN)

texts = st.binary(max_size=60) | st.sampled_from([b"", b"x" * 19, TOKEN, b"a" * 1600, b"z" * 1700])
names = st.sampled_from([b"x-id", b"authorization", b":path", b"a-name-that-is-not-short"]) | texts
fields = st.tuples(names, texts, st.sampled_from([0, 1, 2]))
blocks = st.lists(st.lists(fields, max_size=6), max_size=6)


def head(block: bytes, flags: int = END) -> bytes:
    return frames.frame(frames.HEADERS, flags, 1, block)


def encoded(encoder: hpack.Encoder, some: Sequence[tuple[bytes, bytes, int]]) -> bytes:
    """Huffman-coded; 0, 1 and 2 stand for indexed, not to be indexed, and a smaller table first."""
    pairs = []
    for name, value, kind in some:
        # hpack's encoder forgets a change that is made again before it is told.
        if kind == 2 and encoder.header_table_size != 200 + len(value):
            encoder.header_table_size = 200 + len(value)
        pairs.append(hpack.HeaderTuple(name, value) if kind == 0 else hidden(name, value))
    return encoder.encode(pairs, huffman=True)


def hidden(name: bytes, value: bytes) -> hpack.HeaderTuple:
    return hpack.NeverIndexedHeaderTuple(name, value)


def decoded(decoder: hpack.Decoder, block: bytes) -> object:
    try:
        return decoder.decode(block, raw=True)
    except (hpack.HPACKError, UnicodeDecodeError):
        return None


@given(blocks)
@settings(deadline=None)
def test_what_is_rewritten_says_the_same(blocks: list[list[tuple[bytes, bytes, int]]]) -> None:
    heads = PlainHeads(HuffmanCache())
    encoder, one, other = hpack.Encoder(), hpack.Decoder(), hpack.Decoder()
    for some in (*blocks, *blocks, *blocks):
        block = encoded(encoder, some)
        plain = heads.rewrite(head(block))
        expected = one.decode(block, raw=True)
        assert other.decode(block if plain is None else plain[frames.HEAD_BYTES :], raw=True) == (
            expected
        )
        if plain is not None:
            assert plain == head(plain[frames.HEAD_BYTES :])


@given(st.binary(max_size=80), st.binary(max_size=80), st.integers(0, 400))
@example(b"", b"", 0)
@example(b"\x10\x8c" + b"\xff" * 12, b"", 0)  # the code of the end of a text
@settings(deadline=None)
def test_what_is_no_head_stays_as_wrong_as_it_is(before: bytes, behind: bytes, cut: int) -> None:
    heads = PlainHeads(HuffmanCache())
    whole = encoded(hpack.Encoder(), [(*TOKEN_FIELD, 1), (b"x-name-of-mine", TOKEN, 0)])
    for block in (before + whole[: len(whole) - cut] + behind, before, whole[cut:] + behind) * 3:
        plain = heads.rewrite(head(block))
        if plain is not None:
            expected = decoded(hpack.Decoder(), block)
            assert decoded(hpack.Decoder(), plain[frames.HEAD_BYTES :]) == expected


def test_a_text_is_in_plain_from_the_second_time_on() -> None:
    heads = PlainHeads(HuffmanCache())
    block = encoded(hpack.Encoder(), [(*TOKEN_FIELD, 1)])
    assert TOKEN not in block
    assert heads.rewrite(head(block)) is None
    for _ in range(2):
        plain = heads.rewrite(head(block))
        assert plain is not None
        assert TOKEN in plain


def test_heads_of_other_forms_go_through_as_they_came() -> None:
    heads = PlainHeads(HuffmanCache())
    block = encoded(hpack.Encoder(), [(*TOKEN_FIELD, 1)])
    for _ in range(2):
        heads.rewrite(head(block))
    assert heads.rewrite(head(bytes(5) + block, END | PRIORITY_FLAG)) is not None
    assert heads.rewrite(head(block, 0)) is None
    assert heads.rewrite(head(b"\0" + block, END | frames.PADDED)) is None
    assert heads.rewrite(head(b"", END | PRIORITY_FLAG)) is None
    assert heads.rewrite(frames.frame(frames.DATA, END, 1, block)) is None
    with pytest.raises(ValueError, match="whole"):
        heads.rewrite(head(block)[:-1])


def test_no_head_becomes_larger_than_a_frame_may_be() -> None:
    heads = PlainHeads(HuffmanCache())
    block = encoded(hpack.Encoder(), [(*TOKEN_FIELD, 1)])
    for _ in range(2):
        heads.rewrite(head(block))
    room = frames.MAX_FRAME_BYTES - len(heads.rewrite(head(block)) or b"") + frames.HEAD_BYTES
    for missing in range(-2, 3):
        rest = frames.literal(b"x", b"y" * (room - 6 + missing))
        rewritten = heads.rewrite(head(block + rest))
        assert (rewritten is None) == (len(rest) > room)
    assert len(rest) > room


@pytest.mark.parametrize("step", [1, 2, 7, 8, 9, 10, 40, 90, 350, 360, 100_000])
async def test_it_does_not_matter_where_reads_end(step: int) -> None:
    seen = []

    async def remember(body: bytes, call: Call) -> bytes:
        seen.append(call.metadata)
        return body

    endpoint = Endpoint({"/a.B/C": remember})
    encoder = hpack.Encoder()
    fields = [*frames.request_fields(b"/a.B/C"), hidden(*TOKEN_FIELD)]
    sent = b"".join(
        frames.head(stream, encoder.encode(fields))
        + frames.data(stream, frames.message(b"hi"), end=True)
        for stream in range(1, 13, 2)
    )
    for at in range(0, len(sent), step):
        endpoint.receive(sent[at : at + step])
    answer = endpoint.take()
    assert [status_of(answer, stream) for stream in range(1, 13, 2)] == ["0"] * 6
    assert seen == [(("authorization", TOKEN.decode()),)] * 6
    endpoint.close()
