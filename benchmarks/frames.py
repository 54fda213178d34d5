"""HTTP/2 frames as bytes (RFC 9113, section 6), for floods and for tests.

What is made here need not be allowed: each function writes what it is given.
"""

import struct
from collections.abc import Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
ACK = END_STREAM = 0x1
END_HEADERS, PADDED = 0x4, 0x8
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED = 0, 1, 3, 5
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 6, 7, 8, 11
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
HEAD_BYTES = 9
MAX_FRAME_BYTES = 16_384
MAX_WINDOW_BYTES = 2**31 - 1

Field = tuple[bytes, bytes]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def settings(*pairs: tuple[int, int], flags: int = 0) -> bytes:
    return frame(SETTINGS, flags, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(payload: bytes = bytes(8), flags: int = 0) -> bytes:
    return frame(PING, flags, 0, payload)


def reset(stream: int, code: int = CANCEL) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def priority(stream: int, depends_on: int, weight: int = 15) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">IB", depends_on, weight))


def goaway(last_stream: int = 0, code: int = NO_ERROR) -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, code))


def data(stream: int, payload: bytes, *, end: bool = False) -> bytes:
    """As many frames as the smallest limit on their size asks for."""
    parts = [payload[at : at + MAX_FRAME_BYTES] for at in range(0, len(payload), MAX_FRAME_BYTES)]
    parts = parts or [b""]
    flags = [0] * (len(parts) - 1) + [END_STREAM if end else 0]
    return b"".join(
        frame(DATA, flag, stream, part) for flag, part in zip(flags, parts, strict=True)
    )


def padded(stream: int, padding: int) -> bytes:
    """DATA that carries padding and nothing else."""
    return frame(DATA, PADDED, stream, bytes([padding]) + bytes(padding))


def message(body: bytes, flag: int = 0) -> bytes:
    """A gRPC message (grpc/grpc, doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message)."""
    return struct.pack(">BI", flag, len(body)) + body


# Heads --------------------------------------------------------------------------------------------


def integer(value: int, prefix_bits: int, first: int = 0) -> bytes:
    """RFC 7541, section 5.1."""
    full = (1 << prefix_bits) - 1
    if value < full:
        return bytes([first | value])
    octets = [first | full]
    value -= full
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def literal(name: bytes, value: bytes, *, indexed: bool = False) -> bytes:
    """A literal field, without Huffman's code (RFC 7541, section 6.2)."""
    head = b"\x40" if indexed else b"\x10"
    return head + integer(len(name), 7) + name + integer(len(value), 7) + value


def indexed(index: int) -> bytes:
    """A field by its place in the tables; 62 is what was added last."""
    return integer(index, 7, 0x80)


def block(fields: Sequence[Field]) -> bytes:
    return b"".join(literal(name, value) for name, value in fields)


def request_fields(
    path: bytes,
    *more: Field,
    method: bytes = b"POST",
    content_type: bytes | None = b"application/grpc",
    te: bytes | None = b"trailers",
) -> list[Field]:
    """The head of a gRPC request."""
    fields = [
        (b":method", method),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"test"),
    ]
    if te is not None:
        fields.append((b"te", te))
    if content_type is not None:
        fields.append((b"content-type", content_type))
    return [*fields, *more]


def head(stream: int, header_block: bytes, *, end: bool = False) -> bytes:
    """HEADERS, and CONTINUATION where one frame does not hold it."""
    parts = [
        header_block[at : at + MAX_FRAME_BYTES]
        for at in range(0, len(header_block), MAX_FRAME_BYTES)
    ] or [b""]
    frames = []
    for index, part in enumerate(parts):
        flags = END_HEADERS if index == len(parts) - 1 else 0
        if index == 0 and end:
            flags |= END_STREAM
        frames.append(frame(CONTINUATION if index else HEADERS, flags, stream, part))
    return b"".join(frames)


def request(stream: int, path: bytes, *more: Field, **changes: bytes | None) -> bytes:
    """The head of a call."""
    return head(stream, block(request_fields(path, *more, **changes)))  # type: ignore[arg-type]


def call(stream: int, path: bytes, body: bytes = b"", *more: Field) -> bytes:
    """A whole unary call."""
    return request(stream, path, *more) + data(stream, message(body), end=True)
