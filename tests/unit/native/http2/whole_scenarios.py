"""What a client may send once its heads and the replies are known, by name."""

from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    block,
    call,
    data,
    frame,
    head,
    message,
    ping,
    priority,
    request_fields,
    reset,
    window_update,
)

ECHO = b"/e/Echo"
FAIL = b"/e/Fail"
WARM = 5  # calls, after which heads and replies are known
FIRST = 2 * WARM + 1
BODY = message(b"hi")


def whole(*numbers: int, path: bytes = ECHO, body: bytes = b"hi") -> bytes:
    return b"".join(call(number, path, body) for number in numbers)


def heads_first(*numbers: int, path: bytes = ECHO) -> bytes:
    """As clients send that have several calls to make."""
    fields = block(request_fields(path))
    return b"".join(head(number, fields) for number in numbers) + b"".join(
        data(number, BODY, end=True) for number in numbers
    )


HEAD = block(request_fields(ECHO))
STATED = block(request_fields(ECHO, (b"content-length", b"7")))
HEADED = head(FIRST, HEAD)


def traced(*values: bytes) -> bytes:
    """Calls whose heads differ."""
    return b"".join(
        call(FIRST + 2 * index, ECHO, b"hi", (b"traceparent", value))
        for index, value in enumerate(values)
    )


def ended_by(end: bytes) -> bytes:
    """A call whose message is followed by this."""
    return HEADED + data(FIRST, BODY) + end


def ended_apart(*numbers: int) -> bytes:
    """Calls as h2 of Rust sends them, which ends a request by a frame of its own."""
    return b"".join(
        head(number, HEAD) + data(number, BODY) + data(number, b"", end=True) for number in numbers
    )


def stated(body: bytes) -> bytes:
    """Calls whose heads state a length, the last with this body, and one more."""
    bodies = [BODY, BODY, BODY, body]
    return b"".join(
        head(FIRST + 2 * index, STATED) + data(FIRST + 2 * index, each, end=True)
        for index, each in enumerate(bodies)
    ) + whole(FIRST + 8)


SCENARIOS = {
    "whole calls": whole(FIRST, FIRST + 2, FIRST + 4),
    "heads that differ": traced(b"00-a", b"00-b", b"00-c", b"00-d", b"0", b"00-\x01", b"00-e")
    + whole(FIRST + 14),
    "heads first": heads_first(FIRST, FIRST + 2, FIRST + 4),
    "bodies in another order": HEADED
    + head(FIRST + 2, HEAD)
    + data(FIRST + 2, BODY, end=True)
    + data(FIRST, BODY, end=True),
    "a ping between head and body": HEADED + ping() + data(FIRST, BODY, end=True),
    "an error between them": whole(FIRST)
    + whole(FIRST + 2, path=FAIL)
    + whole(FIRST + 4, FIRST + 6),
    "errors alone": whole(*range(FIRST, FIRST + 20, 2), path=FAIL) + ping() + whole(FIRST + 20),
    "errors alone, heads first": heads_first(*range(FIRST, FIRST + 8, 2), path=FAIL)
    + heads_first(*range(FIRST + 8, FIRST + 20, 2), path=FAIL)
    + reset(FIRST + 18),
    "unknown methods": whole(*range(FIRST, FIRST + 20, 2), path=b"/e/Unknown") + ping(),
    "several frames": HEADED + data(FIRST, BODY[:3]) + data(FIRST, BODY[3:], end=True),
    "an empty frame at the end": ended_by(data(FIRST, b"", end=True)),
    "an empty frame at the end of each": ended_apart(FIRST, FIRST + 2, FIRST + 4),
    "an empty frame at the end and another": ended_by(data(FIRST, b"", end=True) * 2),
    "an empty frame that is no end": ended_by(data(FIRST, b"")),
    "an end that is not empty": ended_by(data(FIRST, b"x", end=True)),
    "an end that is padded": ended_by(frame(DATA, PADDED | END_STREAM, FIRST, b"\0")),
    "an end by trailers": ended_by(head(FIRST, block([(b"x-end", b"1")]), end=True)),
    "the end of another call": HEADED
    + head(FIRST + 2, HEAD)
    + data(FIRST, BODY)
    + data(FIRST + 2, b"", end=True),
    "an end of the connection": ended_by(data(0, b"", end=True)),
    "a reset in the place of the end": ended_by(reset(FIRST)),
    "a stated length and an empty frame": stated(BODY)[: -len(whole(FIRST + 8))]
    + head(FIRST + 8, STATED)
    + data(FIRST + 8, BODY[:-1])
    + data(FIRST + 8, b"", end=True),
    "nothing but the end": HEADED + data(FIRST, b"", end=True),
    "the end in the head": head(FIRST, HEAD, end=True),
    "padding": HEADED + frame(DATA, PADDED | END_STREAM, FIRST, b"\x03" + BODY + bytes(3)),
    "nothing but padding": HEADED + frames.padded(FIRST, 9) + data(FIRST, BODY, end=True),
    "too much padding": HEADED + frame(DATA, PADDED | END_STREAM, FIRST, b"\x09" + BODY),
    "a padded head": frame(HEADERS, END_HEADERS | PADDED, FIRST, b"\x02" + HEAD + bytes(2))
    + data(FIRST, BODY, end=True),
    "a message that is cut off": HEADED + data(FIRST, BODY[:-1], end=True),
    "two messages": HEADED + data(FIRST, BODY + BODY, end=True),
    "two bodies": whole(FIRST) + data(FIRST, BODY, end=True),
    "two heads": HEADED + HEADED + data(FIRST, BODY, end=True),
    "a head of a call that has ended": whole(FIRST) + HEADED,
    "a number that is not greater": whole(FIRST + 2, FIRST),
    "an even number": whole(FIRST + 1),
    "no number": whole(0),
    "a number with the reserved bit": whole(FIRST + (1 << 31)),
    "data of a call that has not begun": whole(FIRST) + data(FIRST + 2, BODY, end=True),
    "a reset of a call that has not begun": whole(FIRST) + reset(FIRST + 2),
    "a window of a call that has not begun": whole(FIRST) + window_update(FIRST + 2, 1),
    "a window of a call that has ended": whole(FIRST) + window_update(FIRST, 1) + whole(FIRST + 2),
    "a window of nothing": whole(FIRST) + window_update(0, 0),
    "a window of nothing first": window_update(0, 0) + whole(FIRST, FIRST + 2),
    "too large a window": whole(FIRST) + window_update(0, 2**31 - 1),
    "a priority": whole(FIRST) + priority(FIRST, 0) + whole(FIRST + 2),
    "an unknown frame": HEADED + frame(99, 0, FIRST, b"x") + data(FIRST, BODY, end=True),
    "a frame that is too large": HEADED + frame(DATA, END_STREAM, FIRST, bytes(16_385)),
    "a ping of another size": whole(FIRST) + frame(frames.PING, 0, 0, b"x"),
    "a ping of another size first": frame(frames.PING, 0, 0, b"x") + whole(FIRST, FIRST + 2),
    "settings of a call first": frame(frames.SETTINGS, 0, FIRST, b"") + whole(FIRST, FIRST + 2),
    "a continuation": HEADED + frame(frames.CONTINUATION, END_HEADERS, FIRST, HEAD),
    "the length that is stated": stated(BODY),
    "less than the length that is stated": stated(message(b"h")),
    "more than the length that is stated": stated(message(b"hi!")),
    "large messages": whole(*range(FIRST, FIRST + 20, 2), body=bytes(2_000))
    + window_update(0, 1 << 20)
    + whole(*range(FIRST + 20, FIRST + 40, 2), body=bytes(16_000)),
}
