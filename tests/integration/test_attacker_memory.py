"""What one attacker's connection can have the server hold, however it goes about it."""

import socket
from collections.abc import Iterator
from typing import Self

import pytest

from tests.conformance.transport.echo import SERVICE
from tests.integration.echo_process import EchoProcess, echo_process
from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import Field, FrameReader

MAX_BYTES = 16 << 20
CONNECTIONS = 2
WINDOW_BYTES = 65_535
MAX_MESSAGE_BYTES = 4 << 20
TIMEOUT_S = 30
QUIET_PROBES = 4
STREAMS = range(1, 200, 2)
NO_WINDOW = frames.settings((frames.INITIAL_WINDOW_SIZE, 0))
HEAD: list[Field] = [(b"x-%d" % index, b"v" * 20) for index in range(100)]


@pytest.fixture(scope="module")
def server() -> Iterator[EchoProcess]:
    with echo_process() as process:
        with Attacker(process.port) as first:
            first.push("Unary", b"warm", whole=True)
        yield process


class Attacker:
    """A client that sends whatever it has room for, and gives the server none."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = FrameReader()
        self._windows = dict.fromkeys((0, *STREAMS), WINDOW_BYTES)
        # That of the settings which the preface brings is not asked for.
        self._acknowledged = -1
        self._socket.sendall(frames.PREFACE + NO_WINDOW)
        self.settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def push(
        self, method: str, body: bytes, *fields: Field, whole: bool, endless: bool = False
    ) -> None:
        """Calls a method on every stream, and sends messages as far as the server lets it."""
        path = f"/{SERVICE}/{method}".encode()
        for stream in STREAMS:
            self._socket.sendall(frames.request(stream, path, *fields))
        message = frames.message(body)
        if endless:
            message *= WINDOW_BYTES // len(message)
        unsent = dict.fromkeys(STREAMS, message if whole else message[:-1])
        while unsent:
            self.settle()
            moved = False
            for stream in tuple(unsent):
                part = unsent[stream][: min(self._windows[stream], self._windows[0])]
                rest = unsent[stream][len(part) :]
                self._windows[stream] -= len(part)
                self._windows[0] -= len(part)
                moved = moved or bool(part)
                if part:
                    ends = whole and not endless and not rest
                    self._socket.sendall(frames.data(stream, part, end=ends))
                if rest or endless:
                    unsent[stream] = rest or message
                else:
                    del unsent[stream]
            if not moved:
                break
        self.settle()

    def settle(self) -> None:
        """Returns when nothing more comes of what was sent.

        Acknowledgements go before all else, and the server works in turns: several in a row tell.
        """
        quiet = 0
        while quiet < QUIET_PROBES:
            self._socket.sendall(frames.settings())
            quiet += 1
            while self._acknowledged < 1:
                for each in self._reader.feed(self._socket.recv(1 << 16)):
                    assert each.kind != frames.GOAWAY, each.payload
                    if each.kind == frames.WINDOW_UPDATE:
                        self._windows[each.stream] += int.from_bytes(each.payload)
                        quiet = 0
                    elif each.kind == frames.SETTINGS and each.flags & frames.ACK:
                        self._acknowledged += 1
            self._acknowledged -= 1


@pytest.mark.parametrize(
    ("method", "body", "whole", "endless"),
    [
        pytest.param("ClientStream", bytes(MAX_MESSAGE_BYTES), False, False, id="never ending"),
        pytest.param("Unary", bytes(MAX_MESSAGE_BYTES), False, False, id="unary, never ending"),
        pytest.param("ServerStream", b"1000000000", True, False, id="small replies, unread"),
        pytest.param("Unary", bytes(60_000), True, False, id="replies of a window, unread"),
        pytest.param("Unary", bytes(MAX_MESSAGE_BYTES), True, False, id="large replies, unread"),
        # Small ones, since what the handler holds of them is its own affair.
        pytest.param("Bidi", bytes(100), True, True, id="messages without end"),
        pytest.param("Bidi", bytes(5_000), True, True, id="larger messages without end"),
    ],
)
def test_the_messages_of_a_connection_cost_a_bounded_amount(
    server: EchoProcess, method: str, body: bytes, whole: bool, endless: bool
) -> None:
    before = server.resident_bytes()
    attackers = [Attacker(server.port) for _ in range(CONNECTIONS)]
    for each in attackers:
        each.push(method, body, whole=whole, endless=endless)
    held = server.resident_bytes() - before
    for each in attackers:
        each.close()
    assert held <= CONNECTIONS * MAX_BYTES
