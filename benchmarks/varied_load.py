"""Calls with a field that is another one each time, which h2load cannot send."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from frames import (
    END_STREAM,
    GOAWAY,
    HEAD_BYTES,
    HEADERS,
    PREFACE,
    block,
    data,
    head,
    indexed,
    literal,
    message,
    request_fields,
    settings,
)
from load import CONNECTIONS, STREAMS, Load, LoadError

TIMEOUT_S = 60
READ_BYTES = 1 << 16
NEWEST = 62


class VariedLoad:
    """The calls of a ``Load`` that are refused, each with a value of ``name`` that ``vary`` makes.

    A connection sends as many calls as it has streams at once. What is sent is made before the time
    is taken. All other fields are in the header tables from the first call on.
    """

    def __init__(self, load: Load, name: bytes, vary: Callable[[], bytes]) -> None:
        self._load = load
        self._name = name
        self._vary = vary
        self._fields = request_fields(load.method.encode())
        self._body = message(load.request)

    def run(self, calls: int, folder: Path) -> float:
        """Makes at least so many calls, in whole turns; the seconds that they would take."""
        del folder
        turns = -(-calls // (CONNECTIONS * STREAMS))
        with ExitStack() as stack:
            stack.enter_context(running_on(self._load.core))
            address = ("127.0.0.1", self._load.port)
            connections = [
                stack.enter_context(socket.create_connection(address, TIMEOUT_S))
                for _ in range(CONNECTIONS)
            ]
            for each in connections:
                each.sendall(PREFACE + settings() + self._opening())
            for each in connections:
                wait_for(each, 1)
            parts = [[self._turn(number) for _ in connections] for number in range(turns)]
            began = time.perf_counter()
            take_turns(connections, parts)
            seconds = time.perf_counter() - began
        return seconds / (turns * CONNECTIONS * STREAMS) * calls

    def _opening(self) -> bytes:
        fields = b"".join(literal(name, value, indexed=True) for name, value in self._fields)
        return head(1, fields + block([(self._name, self._vary())])) + self._end(1)

    def _turn(self, number: int) -> bytes:
        known = b"".join(indexed(NEWEST + each) for each in reversed(range(len(self._fields))))
        first = 3 + 2 * STREAMS * number
        return b"".join(
            head(stream, known + block([(self._name, self._vary())])) + self._end(stream)
            for stream in range(first, first + 2 * STREAMS, 2)
        )

    def _end(self, stream: int) -> bytes:
        return data(stream, self._body, end=True)


def take_turns(connections: Sequence[socket.socket], turns: Sequence[Sequence[bytes]]) -> None:
    """A connection's next turn is sent once its last one is answered, whatever the others do."""
    first, *others = turns
    for each, part in zip(connections, first, strict=True):
        each.sendall(part)
    for turn in others:
        for each, part in zip(connections, turn, strict=True):
            wait_for(each, STREAMS)
            each.sendall(part)
    for each in connections:
        wait_for(each, STREAMS)


def wait_for(connection: socket.socket, count: int) -> None:
    """Reads until so many calls have ended, each by a head alone."""
    buffer = bytearray()
    while count:
        while len(buffer) < HEAD_BYTES or len(buffer) < HEAD_BYTES + int.from_bytes(
            buffer[:3], "big"
        ):
            received = connection.recv(READ_BYTES)
            if not received:
                raise LoadError("the server has closed a connection")
            buffer += received
        if buffer[3] == GOAWAY:
            raise LoadError("the server has given a connection up")
        count -= buffer[3] == HEADERS and bool(buffer[4] & END_STREAM)
        del buffer[: frame_bytes(buffer)]
    if buffer and buffer[3] == HEADERS:
        raise LoadError("more calls have ended than were made")


def frame_bytes(buffer: bytearray) -> int:
    """The size of the frame that it begins with."""
    return HEAD_BYTES + int.from_bytes(buffer[:3], "big")


@contextmanager
def running_on(core: int | None) -> Iterator[None]:
    """Has this process do it on one core."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
