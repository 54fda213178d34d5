"""Heads of calls, as a target of fuzzing: those that come whole are read as those in parts.

A head that is there as a whole is looked at before nghttp2 sees it, and known again where it has
come before; one that comes in parts goes through as it is. Nobody may tell the one from the other.
"""

import asyncio
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from blrcs_native.calls.call import Call
from tests.unit.native.http2.endpoint import EOF, Endpoint
from tests.unit.native.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    block,
    data,
    frame,
    indexed,
    literal,
    message,
    request_fields,
)

# Less than the head of a frame, so that none is ever there as a whole.
PART_BYTES = 7
MAX_HEADS = 60
ENDS, IS_CUT, IS_REPEATED, IS_ENDED_APART = 1, 2, 4, 8
TIMES = 4
SHOWN = {DATA, HEADERS, RST_STREAM, GOAWAY}
HURRIED = ("grpc-status", "4")


@dataclass
class Told:
    """What a server was told by heads, and what it answered."""

    calls: list[Hashable] = field(default_factory=list)
    answers: dict[int, list[tuple[int, Any]]] = field(default_factory=dict)
    goes_on: bool = True

    @property
    def is_hurried(self) -> bool:
        """Whether time has decided something."""
        return any(HURRIED in shown for each in self.answers.values() for _, shown in each)


def heads_in(sent: bytes) -> Iterator[tuple[int, bytes]]:
    """What to do with each block, and the block."""
    while len(sent) >= 2:
        end = 2 + sent[1]
        for _ in range(TIMES if sent[0] & IS_REPEATED else 1):
            yield sent[0], sent[2:end]
        sent = sent[end:]


def frames_of(control: int, head: bytes, stream: int) -> bytes:
    """A call with this head, and a message where it does not end with it."""
    ends = END_STREAM if control & ENDS else 0
    cut = len(head) // 2 if control & IS_CUT else len(head)
    frames = frame(HEADERS, ends | (END_HEADERS if cut == len(head) else 0), stream, head[:cut])
    if cut < len(head):
        frames += frame(CONTINUATION, END_HEADERS, stream, head[cut:])
    if ends:
        return frames
    body = data(stream, message(b"hi"), end=not control & IS_ENDED_APART)
    return frames + body + (data(stream, b"", end=True) if control & IS_ENDED_APART else b"")


async def told(sent: bytes, part_bytes: int) -> Told:
    found = Told()

    async def serve(_: Any, call: Call) -> None:
        timed = call.time_remaining() is not None
        found.calls.append((call.method.name, tuple(call.invocation_metadata()), timed))
        while (body := await call.read()) is not EOF:
            await call.write(body)

    server = Endpoint(
        {"/e/Stream": serve, "/e/OtherStream": serve},
        max_streams=MAX_HEADS,
        reset_burst=1_000,
        frame_burst=1_000,
    )
    for index, (control, head) in enumerate(heads_in(sent)):
        if not found.goes_on or index == MAX_HEADS:
            break
        octets = frames_of(control, head, 2 * index + 1)
        for at in range(0, len(octets), part_bytes):
            found.goes_on = found.goes_on and server.receive(octets[at : at + part_bytes])
        for _ in range(4):
            await asyncio.sleep(0)
            for each in server.take():
                if each.kind in SHOWN:
                    shown = tuple(each.fields.items()) or (each.payload,)
                    found.answers.setdefault(each.stream, []).append((each.kind, shown))
    server.close()
    await asyncio.sleep(0)
    assert server.unexpected == []
    return found


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def heads(sent: bytes) -> Hashable:
    """Bytes of control, of length, and as many of a block each."""
    whole = loop().run_until_complete(told(sent, 1 << 20))
    parts = loop().run_until_complete(told(sent, PART_BYTES))
    if whole.is_hurried or parts.is_hurried:
        return "hurried"
    assert whole == parts
    kinds = sorted(
        {(kind, str(shown)[:60]) for each in whole.answers.values() for kind, shown in each}
    )
    return whole.goes_on, len(set(whole.calls)), tuple(kinds[:4])


def asked(control: int, head: bytes) -> bytes:
    return bytes([control, len(head)]) + head


def head_inputs() -> dict[str, bytes]:
    """What fuzzing them begins with."""
    plain = block(request_fields(b"/e/Stream", (b"x-id", b"7")))
    other = block(request_fields(b"/e/OtherStream", (b"grpc-timeout", b"9H"), (b"a-bin", b"YQ")))
    added = block(request_fields(b"/e/Stream")) + literal(b"x-id", b"8", indexed=True)
    again = block(request_fields(b"/e/Stream")) + indexed(62)
    resized = b"\x20" + block(request_fields(b"/e/Stream"))
    measured = block(request_fields(b"/e/Stream", (b"content-length", b"7")))
    turns = b"".join(asked(ENDS * (turn % 2), (plain, other)[turn % 2]) for turn in range(8))
    return {
        "repeated": asked(IS_REPEATED, plain) + asked(IS_REPEATED, other),
        "turns": turns,
        "cut": asked(IS_REPEATED, plain) + asked(IS_CUT, plain) + asked(0, plain),
        "table": asked(IS_REPEATED, plain)
        + asked(0, added)
        + asked(IS_REPEATED, again)
        + asked(0, literal(b"y", b"z", indexed=True) + plain)
        + asked(IS_REPEATED, again),
        "resized": asked(0, added)
        + asked(IS_REPEATED, again)
        + asked(0, resized)
        + asked(0, plain),
        "varying": b"".join(
            asked(0, plain + literal(b"traceparent", b"00-%d" % number)) for number in range(8)
        ),
        "length": asked(IS_REPEATED, measured) + asked(ENDS, measured),
        "ended_apart": asked(IS_REPEATED | IS_ENDED_APART, plain)
        + asked(IS_REPEATED | IS_ENDED_APART, measured),
    }
