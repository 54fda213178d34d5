"""Heads that are the same but for some values are known, and each says what it says by itself."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import ECHO, Endpoint, echo, status_of
from tests.unit.native.http2.frames import (
    DATA,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    block,
    data,
    integer,
    literal,
    message,
    request_fields,
)

TRACE = b"traceparent"
MOST_BLOCK_BYTES = 1_024
SHOWN = {DATA, HEADERS, RST_STREAM, GOAWAY}
WARM = (b"00-aa", b"00-bb", b"00-cc")


@dataclass
class Told:
    """What calls were seen to have, and what was answered to each."""

    calls: list[Any] = field(default_factory=list)
    answers: list[tuple[int, int, Any]] = field(default_factory=list)
    # Which calls nghttp2 has not seen.
    hidden: list[bool] = field(default_factory=list)


async def told(blocks: list[bytes], step: int) -> Told:
    """Of calls with these heads, of whose octets so many come at a time."""
    found = Told()

    async def serve(body: bytes, call: Call) -> bytes:
        metadata = tuple(call.invocation_metadata())
        found.calls.append((metadata, call.time_remaining() is not None, body))
        return body

    server = Endpoint({ECHO.decode(): serve})
    goes_on = True
    for index, head in enumerate(blocks):
        stream = 2 * index + 1
        octets = frames.head(stream, head) + data(stream, message(b"hi"), end=True)
        for at in range(0, len(octets), step):
            goes_on = goes_on and server.receive(octets[at : at + step])
        found.hidden.append(server.connection.hidden_calls == (0, stream))
        found.answers += [
            (each.kind, each.stream, tuple(each.fields.items()) or each.payload)
            for each in server.take()
            if each.kind in SHOWN
        ]
    server.close()
    await asyncio.sleep(0)
    assert server.unexpected == []
    return found


def head_of(*more: bytes, path: bytes = ECHO) -> bytes:
    return block(request_fields(path)) + b"".join(more)


def traced(*values: bytes, name: bytes = TRACE) -> list[bytes]:
    """Heads with a field that differs."""
    return [head_of(literal(name, each)) for each in (*WARM, *values)]


def coded(value: bytes, length: bytes) -> bytes:
    """A head whose trace has a length that is written in another way."""
    return head_of(b"\x10" + integer(len(TRACE), 7) + TRACE + length + value)


def unindexed(name: bytes, value: bytes) -> bytes:
    return b"\x00" + literal(name, value)[1:]


KNOWN = {
    "other values": traced(b"00-dd", b"00-aa", b"00-ee"),
    "shorter values": traced(b"00-d", b"0", b""),
    "blanks": traced(b"a b c", b"    a", b"a    "),
    "printed": traced(bytes(range(0x20, 0x25)), b"\x7a\x7b\x7c\x7d\x7e"),
    "not indexed": [head_of(unindexed(TRACE, each)) for each in (*WARM, b"00-dd", b"00-ee")],
    "two of them": [
        head_of(literal(TRACE, each), literal(b"x-plan", b"a"), literal(b"x-id", each[::-1]))
        for each in (*WARM, b"00-dd", b"0-e")
    ],
    "the most": [
        head_of(*[literal(b"x-%d" % n, b"%d%d" % (value, n)) for n in range(4)])
        for value in range(6)
    ],
    "lengths of one octet, two and three": [
        head_of(literal(TRACE, bytes([letter]) * size))
        for letter, size in zip(
            b"abcdefghijkl", (700, 700, 700, 699, 256, 255, 254, 128, 127, 126, 125, 1), strict=True
        )
    ],
    "as long as may be": [
        head_of(
            literal(
                TRACE, bytes([each]) * (MOST_BLOCK_BYTES - len(head_of(literal(TRACE, b""))) - 2)
            )
        )
        for each in b"abcde"
    ],
    "tokens": [
        head_of(literal(b"authorization", b"Bearer " + bytes([each]) * 400), literal(b"x-id", b"1"))
        for each in b"abcde"
    ],
    "one that is fixed behind it": [
        head_of(literal(TRACE, each), literal(b"x-bin", b"YQ")) for each in (*WARM, b"00-dd")
    ],
}
OTHERS = {
    "longer values": traced(b"00-ddd", b"00-ddde", b"00-dd"),
    "too long a value": traced(b"a" * 0x7F, b"b" * 200, b"00-dd"),
    "too long a head": [head_of(literal(TRACE, bytes([each]) * 1_000)) for each in b"abcde"],
    "too long a value of a long one": [
        head_of(literal(TRACE, bytes([each]) * 200)) for each in b"abc"
    ]
    + [head_of(literal(TRACE, b"d" * size)) for size in (201, 254, 255, 256, 700)],
    "a control octet in a long value": [
        head_of(literal(TRACE, bytes([each]) * 150 + b"d" * 50)) for each in b"abc\x01\x00\x7fe"
    ],
    "a control octet": traced(b"00-\x01d", b"00-dd"),
    "a zero": traced(b"00-\x00d", b"00-dd"),
    "a line's end": traced(b"00\r\nd", b"00-dd"),
    "DEL": traced(b"00-\x7fd", b"00-dd"),
    "not ASCII": traced("00-é".encode(), b"00-\xff-", b"00-dd"),
    "Huffman's code": [*traced(), coded(b"\x1c\x64", b"\x82"), *traced()],
    "no code": [*traced(), coded(b"\xff\xff", b"\x82"), *traced()],
    "a length in two octets": [*traced(), coded(b"a" * 0x7F, b"\x7f\x00"), *traced()],
    "lengths that are cut off": [
        each
        for length in (b"\x7f", b"\x7f\x80", b"\x7f\x80\x80", b"\x7f\x80\x80\x80", b"\x7f\x01")
        for each in (*traced(b"d" * 200), coded(b"", length), *traced(b"e" * 200))
    ],
    "lengths that are longer than they need be": [
        each
        for length in (b"\x7f\x80\x00", b"\x7f\x80\x80\x00", b"\x7f\xc9\x80\x00", b"\x7f\xc9\x00")
        for each in (
            *[head_of(literal(TRACE, bytes([each]) * 200)) for each in b"abc"],
            coded(b"d" * 127, length),
            coded(b"d" * 200, length),
            *traced(),
        )
    ],
    "a length beyond the block": [*traced(), coded(b"00", b"\x05"), *traced()],
    "a length without a text": [*traced(), coded(b"", b"\x05"), *traced()],
    "another field behind it": [*traced(), traced()[0] + literal(b"x-id", b"1"), *traced()],
    "nothing behind the head": [*traced(), head_of(), *traced()],
    "another name": [*traced(), *traced(name=b"tracepareNt"), *traced()],
    "a name twice": [
        head_of(literal(TRACE, one), literal(TRACE, other))
        for one, other in ((b"a", b"b"), (b"c", b"d"), (b"e", b"f"), (b"a", b"a"), (b"g", b"b"))
    ],
    "more than the most": [
        head_of(*[literal(b"x-%d" % n, b"%d%d" % (value, n)) for n in range(6)])
        for value in range(6)
    ],
    "deadlines": traced(b"1H", b"2H", b"x", b"3H", name=b"grpc-timeout"),
    "encodings": traced(b"gzip", b"none", b"identity", name=b"grpc-encoding"),
    "lengths": [
        head_of(literal(b"content-length", each)) for each in (b"7", b"7", b"7", b"7", b"8", b"6")
    ],
    "types": [
        block(request_fields(ECHO, content_type=None)) + literal(b"content-type", each)
        for each in (*[b"application/grpc"] * 4, b"text/plain", b"application/grpc+")
    ],
    "what te says": [
        block(request_fields(ECHO, te=None)) + literal(b"te", each)
        for each in (*[b"trailers"] * 4, b"gzip", b"trailer")
    ],
    "hosts": traced(b"a/b", b"test", name=b"host"),
    "priorities": traced(b"u=3", b"u=?", b"=", name=b"priority"),
    "binary values": [
        head_of(literal(b"x-bin", each)) for each in (*[b"YQ"] * 3, b"YWE", b"!", b"YQ,Yg")
    ],
    "paths": [head_of(path=each) for each in (*[ECHO] * 3, b"/e/None", b"e/Echo", ECHO)],
    "a pseudo-field at the end": traced(b"a", name=b":odd"),
    "connection fields": traced(b"a", name=b"connection"),
    "a table that changes": [
        *traced(),
        head_of(literal(b"x-who", b"a", indexed=True), literal(TRACE, b"00-dd")),
        *traced(),
    ],
}


@pytest.mark.parametrize("name", [*KNOWN, *OTHERS])
async def test_a_head_says_what_it_says_octet_by_octet(name: str) -> None:
    blocks = {**KNOWN, **OTHERS}[name]
    whole, octets = await told(blocks, 1 << 20), await told(blocks, 1)
    assert (whole.calls, whole.answers) == (octets.calls, octets.answers)
    assert not any(octets.hidden)


@pytest.mark.parametrize("name", KNOWN)
async def test_such_a_call_is_hidden_once_its_head_has_come_twice(name: str) -> None:
    # The reply is known one call later.
    assert all((await told(KNOWN[name], 1 << 20)).hidden[3:])


@pytest.mark.parametrize("name", ["longer values", "too long a value of a long one"])
async def test_a_call_with_a_longer_value_is_shown(name: str) -> None:
    # It may reach a limit that those before did not.
    assert not (await told(OTHERS[name], 1 << 20)).hidden[3]


async def test_a_value_that_stays_the_same_stays_the_same_object() -> None:
    blocks = [
        head_of(literal(b"authorization", b"Bearer a"), literal(TRACE, each))
        for each in (*WARM, b"00-dd", b"00-ee")
    ]
    found = await told(blocks, 1 << 20)
    one, other = (metadata for metadata, _, _ in found.calls[-2:])
    assert one[0] is other[0]
    assert one[1].value == "00-dd"
    assert other[1].value == "00-ee"


def size_of(value: bytes) -> int:
    """What a head with this trace counts as."""
    fields = [*request_fields(ECHO), (TRACE, value)]
    return sum(len(name) + len(text) + 32 for name, text in fields)


async def statuses(limits: dict[str, int], *values: bytes) -> list[str | None]:
    """Of calls with these traces."""
    server = Endpoint({ECHO.decode(): echo}, **limits)
    found = []
    for index, head in enumerate(traced(*values)):
        stream = 2 * index + 1
        sent = frames.head(stream, head) + data(stream, message(b"hi"), end=True)
        found.append(status_of(await server.answer(sent), stream))
    server.close()
    return found


async def test_a_longer_value_is_held_against_the_limit() -> None:
    limits = {"hard_head_bytes": size_of(WARM[0])}
    assert await statuses(limits, b"00-dd", b"00-ddd", b"00-d") == ["0"] * 4 + ["8", "0"]


async def test_a_shorter_value_counts_as_less() -> None:
    # Between the limits, which are next to each other, all are refused.
    limits = {"soft_head_bytes": size_of(WARM[0]) - 1, "hard_head_bytes": size_of(WARM[0])}
    assert await statuses(limits, b"00-d", b"00-dd") == ["8"] * 3 + ["0", "8"]
