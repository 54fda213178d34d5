"""What connections and streams on which nothing happens cost a server in memory.

The client is sockets and a few frames written by hand (RFC 9113): nothing that it does not send can
make the server work.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from frames import (
    ACK,
    END_STREAM,
    HEAD_BYTES,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS,
    data,
    ping,
    request,
    settings,
)
from load import Load, framed
from server_process import resident_bytes

PROBE = b"idle now"
STREAMS_PER_CONNECTION = 100
CONNECTIONS_PER_BUSY_ONE = 50
WARM_UP_CONNECTIONS = 32
SETTLE_S = 0.2
SETTLE_TRIES = 25
TIMEOUT_S = 20
KIB = 1024


@dataclass(frozen=True, slots=True)
class IdleMemory:
    """KiB for each; the streams are beside their connections."""

    connection_kib: float
    stream_kib: float


class Connection:
    """A client's connection on which one call has been made, so that its buffers have been used.

    The first call is of a method that echoes ``message``, which is framed.
    """

    def __init__(self, port: int, path: str, message: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._received = b""
        self._socket.sendall(
            PREFACE + settings() + request(1, path.encode()) + data(1, message, end=True)
        )
        self._read_until(lambda kind, flags, _: kind == HEADERS and flags & END_STREAM)

    def open_streams(self, path: str, count: int) -> None:
        """Begins calls that send no message yet, and waits until the server has read them."""
        calls = [request(2 * n + 3, path.encode()) for n in range(count)]
        self._socket.sendall(b"".join(calls) + ping(PROBE))
        self._read_until(
            lambda kind, flags, payload: kind == PING and flags & ACK and payload == PROBE
        )

    def close(self) -> None:
        self._socket.close()

    def _read_until(self, is_awaited: Callable[[int, int, bytes], object]) -> None:
        while True:
            kind, flags, payload = self._next_frame()
            if kind == SETTINGS and not flags & ACK:
                self._socket.sendall(settings(flags=ACK))
            if is_awaited(kind, flags, payload):
                return

    def _next_frame(self) -> tuple[int, int, bytes]:
        head = self._read(HEAD_BYTES)
        size = int.from_bytes(head[:3], "big")
        return head[3], head[4], self._read(size)

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            part = self._socket.recv(65_536)
            if not part:
                raise ConnectionError("the server closed an idle connection")
            self._received += part
        taken, self._received = self._received[:size], self._received[size:]
        return taken


def idle_memory(pid: int, load: Load, waiting: str, connections: int) -> IdleMemory:
    """Measures a server that has not had so many connections before.

    Else it would take for them what an earlier crowd has left to its allocator.

    Args:
        pid: The server's process.
        load: Its port, and the call that is made once on each connection.
        waiting: A method that waits for a message of its client.
        connections: How many.
    """
    with opened(load, WARM_UP_CONNECTIONS) as first:
        first[0].open_streams(waiting, STREAMS_PER_CONNECTION)
        settled_bytes(pid)
    before = settled_bytes(pid)
    with opened(load, connections) as crowd:
        connected = settled_bytes(pid)
        busy = crowd[: max(1, connections // CONNECTIONS_PER_BUSY_ONE)]
        for each in busy:
            each.open_streams(waiting, STREAMS_PER_CONNECTION)
        streaming = settled_bytes(pid)
    streams = len(busy) * STREAMS_PER_CONNECTION
    return IdleMemory(
        (connected - before) / connections / KIB, (streaming - connected) / streams / KIB
    )


@contextmanager
def opened(load: Load, count: int) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            connection = Connection(load.port, load.method, framed(load.request))
            stack.callback(connection.close)
            made.append(connection)
        yield made


def settled_bytes(pid: int) -> int:
    """The memory of a server once it no longer changes: some answer before they have done all."""
    last = -1
    for _ in range(SETTLE_TRIES):
        now = resident_bytes(pid)
        if now == last:
            break
        last = now
        time.sleep(SETTLE_S)
    return last
