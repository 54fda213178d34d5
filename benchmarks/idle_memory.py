"""What connections and streams on which nothing happens cost a server in memory.

The client is sockets and a few frames written by hand (RFC 9113): nothing that it does not send can
make the server work.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from load import Load, framed
from server_process import resident_bytes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
PROBE = b"idle now"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
ACK, END_STREAM, END_HEADERS = 1, 1, 4
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
            PREFACE
            + frame(SETTINGS)
            + frame(HEADERS, END_HEADERS, 1, header_block(path))
            + frame(DATA, END_STREAM, 1, message)
        )
        self._read_until(lambda kind, flags, _: kind == HEADERS and flags & END_STREAM)

    def open_streams(self, path: str, count: int) -> None:
        """Begins calls that send no message yet, and waits until the server has read them."""
        block = header_block(path)
        frames = [frame(HEADERS, END_HEADERS, 2 * n + 3, block) for n in range(count)]
        self._socket.sendall(b"".join(frames) + frame(PING, payload=PROBE))
        self._read_until(
            lambda kind, flags, payload: kind == PING and flags & ACK and payload == PROBE
        )

    def close(self) -> None:
        self._socket.close()

    def _read_until(self, is_awaited: Callable[[int, int, bytes], object]) -> None:
        while True:
            kind, flags, payload = self._next_frame()
            if kind == SETTINGS and not flags & ACK:
                self._socket.sendall(frame(SETTINGS, ACK))
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


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(path: str) -> bytes:
    """The request's headers, without indexing and without Huffman codes (RFC 7541, 6.2.2)."""
    fields = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "127.0.0.1"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )
    return b"".join(
        bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields
    )


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
