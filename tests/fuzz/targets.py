"""What is fuzzed. A target takes any bytes, asserts what must hold of them, and says what happened.

What it says steers the fuzzer: an input that makes something new happen is worth changing further.
"""

import asyncio
import re
from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any

from blrcs_native.calls.call import Call
from blrcs_native.encoding.protobuf_wire import length_of_utf8, read_fields
from blrcs_native.http2.field_cache import FieldCache
from blrcs_native.http2.messages import decompress
from blrcs_native.http2.reply_fields import check_fields
from blrcs_native.http2.wire import decode_binary, parse_timeout
from tests.fuzz.access import ACCESS_TARGETS
from tests.fuzz.creation import CREATION_TARGETS
from tests.fuzz.direct import DIRECT_TARGETS
from tests.fuzz.documents import DOCUMENT_TARGETS
from tests.fuzz.heads import heads
from tests.fuzz.lines import LINE_TARGETS
from tests.fuzz.network import NETWORK_TARGETS
from tests.fuzz.proofs import PROOF_TARGETS
from tests.fuzz.stored import STORED_TARGETS
from tests.fuzz.tokens import TOKEN_TARGETS
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import EOF, Endpoint
from tests.unit.native.http2.whole_scenarios import FIRST
from tests.varint import varint

Target = Callable[[bytes], Hashable]

MAX_MESSAGE_BYTES = 70_000
MAX_OUTPUT_FRAMES = 5_000
SMALL_PART = 16


async def echo(body: bytes, call: Call) -> bytes:
    if len(body) % 2:  # others are answered as most calls are
        call.set_trailing_metadata((("size", str(len(body))),))
    return body


async def waiting(body: bytes, call: Call) -> bytes:
    del call
    await asyncio.sleep(0)
    return body


async def echo_all(_: Any, call: Call) -> None:
    while (body := await call.read()) is not EOF:
        await call.write(body)


HANDLERS = {"/e/Echo": echo, "/e/Wait": waiting, "/e/Never": waiting, "/e/Stream": echo_all}


@cache
def loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def parts(data: bytes, control: int) -> Iterator[bytes]:
    """The bytes as a socket may give them."""
    size = len(data) if control % 2 else max(1, control % 4 * SMALL_PART)
    for at in range(0, len(data), size or 1):
        yield data[at : at + size]


async def play(data: bytes) -> Hashable:
    control, sent = data[0], data[1:]
    server = Endpoint(
        HANDLERS,
        greet=control & 4 == 0,
        max_receive_bytes=MAX_MESSAGE_BYTES,
        max_streams=8,
        reset_burst=20,
        frame_burst=100,
    )
    if control & 16:
        # Heads and replies are known from here on.
        for number in range(1, FIRST, 2):
            server.receive(frames.call(number, b"/e/Echo", b"hi"))
            server.take()
    taken: list[frames.Frame] = []
    for part in parts(sent, control):
        alive = server.receive(part)
        if control & 8:
            await asyncio.sleep(0)
        taken += server.take()
        if not alive:
            break
    for _ in range(3):
        await asyncio.sleep(0)
        taken += server.take()
    assert len(taken) < MAX_OUTPUT_FRAMES
    assert server.connection.open_streams <= 8
    happened = (
        frozenset((each.kind, each.flags) for each in taken),
        frozenset(each.code for each in taken if each.kind in {3, 7}),
        frozenset(each.fields.get("grpc-status") for each in taken),
        frozenset(server.counted),
    )
    server.connection.close()
    assert server.connection.take() == b""
    for _ in range(4):
        await asyncio.sleep(0)
    assert server.dispatcher.running == 0
    assert server.connection.open_streams == 0
    assert server.unexpected == []
    server.close()
    await asyncio.sleep(0)
    return happened


def connection(data: bytes) -> Hashable:
    """A byte of control, and what a client sends behind its preface."""
    return loop().run_until_complete(play(data)) if data else None


FIELDS = FieldCache()


def metadata(data: bytes) -> Hashable:
    """A name and a value with a zero between them."""
    name, _, value = data.partition(b"\0")
    if not name:
        return None
    found = FIELDS.find(name, value)
    again = FIELDS.find(name, value)
    assert found == again
    if found is None:
        assert name.endswith(b"-bin")
        return "refused"
    try:
        written = check_fields([tuple(each) for each in found])
    except (TypeError, ValueError, UnicodeError) as error:
        return type(error).__name__
    for field, (sent_name, sent_value) in zip(found, written, strict=True):
        assert sent_name == name
        if name.endswith(b"-bin"):
            assert decode_binary(sent_value) == [field.value]
        else:
            assert sent_value == value
    return (len(found), name.endswith(b"-bin"))


def timeout(data: bytes) -> Hashable:
    """A grpc-timeout."""
    allowed = re.fullmatch(rb"[0-9]{1,8}[HMSmun]", data) is not None
    try:
        parsed = parse_timeout(data)
    except ValueError:
        assert not allowed
        return "refused"
    assert allowed
    assert 0 <= parsed < 2**61
    return data[-1:]


def message(data: bytes) -> Hashable:
    """A protobuf message: what is read strictly is written back as it was."""
    fields = read_fields(data)
    text_length = length_of_utf8(data)
    try:
        assert text_length == len(data.decode())
    except UnicodeDecodeError:
        assert text_length is None
    if fields is None:
        return ("refused", text_length is None)
    written = b""
    for number, value in fields:
        if isinstance(value, int):
            written += varint(number << 3) + varint(value)
        else:
            written += varint(number << 3 | 2) + varint(len(value)) + value
    assert written == data
    return tuple((number, type(value).__name__) for number, value in fields)[:4]


def compressed(data: bytes) -> Hashable:
    """A byte that says how, and what was compressed."""
    try:
        plain = decompress("gzip" if data[:1] == b"g" else "deflate", data[1:], 1_000)
    except ValueError:
        return "refused"
    assert plain is None or len(plain) <= 1_000
    return plain is None


OWN = (connection, heads, metadata, timeout, message, compressed)
TARGETS: dict[str, Target] = {
    **{each.__name__: each for each in OWN},
    **DIRECT_TARGETS,
    **NETWORK_TARGETS,
    **TOKEN_TARGETS,
    **PROOF_TARGETS,
    **ACCESS_TARGETS,
    **DOCUMENT_TARGETS,
    **LINE_TARGETS,
    **STORED_TARGETS,
    **CREATION_TARGETS,
}
