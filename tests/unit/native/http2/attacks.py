"""What an abusive client sends, and what a server counts it as.

The bounds of the server are set low, so that an attack is a few kilobytes, and nothing is given
back by time.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import (
    block,
    call,
    data,
    frame,
    head,
    indexed,
    literal,
    message,
    padded,
    ping,
    priority,
    request,
    request_fields,
    reset,
    settings,
    window_update,
)

UNARY = b"/e/Echo"
STREAM = b"/e/Stream"
NEVER = b"/e/Never"
HAS_PRIORITY = 0x20  # a flag of HEADERS
MANY = 300
LIMITS = {
    "reset_burst": 50,
    "resets_per_s": 0,
    "frame_burst": 100,
    "frames_per_s": 0,
    "max_streams": 20,
    "max_receive_bytes": 1 << 20,
}


# So that the streams that the server has to reset are what runs out.
MANY_STREAMS = {"frame_burst": 10_000, "max_streams": 1_000}


@dataclass(frozen=True)
class Attack:
    """``sent`` follows the client's preface; ``ends`` says that the connection does not survive."""

    kind: str
    sent: bytes
    ends: bool = True
    limits: Mapping[str, int] = field(default_factory=dict)


def ids(count: int = MANY) -> range:
    return range(1, 2 * count, 2)


def head_of(stream: int, *fields: frames.Field) -> bytes:
    return head(stream, block([*request_fields(NEVER), *fields]))


COOKIES = [(b"cookie", b"a=%d" % index) for index in range(1_000)]
BIG_FIELD = literal(b"x", bytes(b"v" * 3_900), indexed=True)
BOMB = gzip.compress(bytes(32 << 20))

ATTACKS: dict[str, Attack] = {
    # CVE-2023-44487
    "rapid_reset": Attack(
        "rapid_reset", b"".join(request(each, NEVER) + reset(each) for each in ids())
    ),
    "rapid_reset_of_whole_calls": Attack(
        "rapid_reset", b"".join(call(each, NEVER) + reset(each) for each in ids())
    ),
    "resets_of_nothing": Attack(
        "rapid_reset", request(1, NEVER) + b"".join(reset(1) for _ in range(MANY))
    ),
    # CVE-2025-8671: the server is made to reset what it has begun, or to end the connection.
    "window_update_of_zero": Attack("protocol_error", call(1, NEVER) + window_update(1, 0)),
    "window_overflow": Attack(
        "provoked_reset",
        b"".join(
            call(each, NEVER) + window_update(each, frames.MAX_WINDOW_BYTES) for each in ids()
        ),
        limits=MANY_STREAMS,
    ),
    "content_length_exceeded": Attack(
        "provoked_reset",
        b"".join(
            head_of(each, (b"content-length", b"1")) + data(each, message(b"too much"))
            for each in ids()
        ),
        limits=MANY_STREAMS,
    ),
    "malformed_heads": Attack(
        "provoked_reset",
        b"".join(head_of(each, (b"X-Upper", b"v")) for each in ids()),
        limits=MANY_STREAMS,
    ),
    "connection_fields": Attack(
        "provoked_reset",
        b"".join(head_of(each, (b"connection", b"close")) for each in ids()),
        limits=MANY_STREAMS,
    ),
    "trailers_with_a_path": Attack(
        "provoked_reset",
        b"".join(
            request(each, NEVER) + head(each, literal(b":path", b"/"), end=True) for each in ids()
        ),
        limits=MANY_STREAMS,
    ),
    "data_after_the_end": Attack("protocol_error", call(1, NEVER) + data(1, b"more")),
    "head_that_waits_for_itself": Attack(
        "protocol_error",
        frame(
            frames.HEADERS,
            frames.END_HEADERS | HAS_PRIORITY,
            1,
            (1).to_bytes(4) + b"\x0f" + block(request_fields(UNARY)),
        ),
    ),
    # CVE-2024-27316
    "continuation_flood": Attack(
        "continuation_flood",
        frame(frames.HEADERS, 0, 1, block(request_fields(UNARY)))
        + b"".join(frame(frames.CONTINUATION, 0, 1) for _ in range(MANY)),
    ),
    # Heads that are larger than they may be
    "many_fields": Attack(
        "header_bomb",
        call(1, UNARY, b"", *[(b"x%d" % index, b"") for index in range(200)]),
        ends=False,
    ),
    "large_field": Attack("header_bomb", call(1, UNARY, b"", (b"x", b"y" * 20_000)), ends=False),
    "cookie_crumbs": Attack("header_bomb", call(1, UNARY, b"", *COOKIES), ends=False),
    "joined_values": Attack(
        "header_bomb", call(1, UNARY, b"", *[(b"x-bin", b"," * 60)] * 4), ends=False
    ),
    "huge_head": Attack("header_bomb", call(1, UNARY, b"", *[(b"x", b"y" * 40_000)] * 2)),
    "indexed_bomb": Attack(
        "header_bomb",
        head(1, block(request_fields(UNARY)) + BIG_FIELD + indexed(62) * 10_000),
    ),
    # CVE-2019-9511 to 9518
    "ping_flood": Attack("ping_flood", b"".join(ping() for _ in range(MANY))),
    "answers_that_nobody_asked_for": Attack(
        "ping_flood", b"".join(ping(flags=frames.ACK) for _ in range(MANY))
    ),
    "settings_flood": Attack("settings_flood", b"".join(settings() for _ in range(MANY))),
    "settings_acknowledged": Attack("protocol_error", settings(flags=frames.ACK) * 2),
    "priority_flood": Attack(
        "priority_flood", b"".join(priority(1001 + 2 * each, 0) for each in range(MANY))
    ),
    "window_update_flood": Attack(
        "window_update_flood", b"".join(window_update(0, 1) for _ in range(MANY))
    ),
    "empty_data_flood": Attack(
        "empty_data_flood", request(1, NEVER) + b"".join(data(1, b"") for _ in range(MANY))
    ),
    "padded_data_flood": Attack(
        "empty_data_flood", request(1, NEVER) + b"".join(padded(1, 200) for _ in range(MANY))
    ),
    "unknown_frame_flood": Attack(
        "unknown_frame_flood", b"".join(frame(0xFA, 0, 0, b"x") for _ in range(MANY))
    ),
    "heads_beyond_the_limit": Attack(
        "headers_flood", b"".join(request(each, NEVER) for each in ids())
    ),
    "heads_of_closed_calls": Attack(
        "headers_flood",
        request(1, NEVER) + reset(1) + b"".join(request(1, NEVER) for _ in range(MANY)),
    ),
    # Messages
    "message_length": Attack(
        "message_bomb", request(1, UNARY) + data(1, b"\0\xff\xff\xff\xff"), ends=False
    ),
    "message_length_in_a_stream": Attack(
        "message_bomb", request(1, STREAM) + data(1, b"\0\xff\xff\xff\xff"), ends=False
    ),
    "decompression": Attack(
        "decompression_bomb",
        request(1, UNARY, (b"grpc-encoding", b"gzip")) + data(1, message(BOMB, 1), end=True),
        ends=False,
    ),
    "decompression_in_a_stream": Attack(
        "decompression_bomb",
        request(1, STREAM, (b"grpc-encoding", b"gzip")) + data(1, message(BOMB, 1), end=True),
        ends=False,
    ),
    # What is no HTTP/2
    "too_many_settings": Attack(
        "protocol_error", settings(*[(frames.INITIAL_WINDOW_SIZE, 1)] * 100)
    ),
    "large_frame": Attack("protocol_error", frame(frames.DATA, 0, 1, bytes(20_000))),
    "push_promise": Attack("protocol_error", frame(frames.PUSH_PROMISE, 4, 1, bytes(4))),
    "garbled_head": Attack("protocol_error", head(1, b"\xff\xff\xff\xff\xff\xff")),
    "connection_window_overflow": Attack(
        "protocol_error", window_update(0, frames.MAX_WINDOW_BYTES)
    ),
    "even_stream": Attack("protocol_error", request(2, UNARY)),
    "data_of_no_call": Attack("protocol_error", data(1, b"x")),
}

# In the place of the preface.
GREETINGS = {
    "http_1": b"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
    "garbage": bytes(range(255, 0, -1)),
    "tls": bytes.fromhex("160301020001000001fc0303") + bytes(64),
    "no_settings": frames.PREFACE + ping(),
}
