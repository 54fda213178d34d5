"""A client that writes any octets, from any address of the loopback."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.workers import TIMEOUT_S
from tests.unit.native.http2 import frames

GREETING = frames.PREFACE + frames.settings()


@contextmanager
def connected(port: int, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.create_connection(
        ("127.0.0.1", port), TIMEOUT_S, source_address=(source, 0)
    ) as opened:
        yield opened


def ends(frame: frames.Frame) -> bool:
    return frame.ends_stream or frame.kind in {frames.RST_STREAM, frames.GOAWAY}


def answers(
    port: int,
    sent: bytes,
    source: str = "127.0.0.1",
    *,
    until: Callable[[frames.Frame], bool] = ends,
) -> list[frames.Frame]:
    """What the server says to some octets, until a frame ends it, or the connection does."""
    reader = frames.FrameReader()
    found: list[frames.Frame] = []
    with connected(port, source) as client:
        client.sendall(sent)
        while not any(until(each) for each in found):
            try:
                received = client.recv(65_536)
            except ConnectionError:
                return found
            if not received:
                return found
            found += reader.feed(received)
    return found


def status(port: int, path: str, *more: tuple[bytes, bytes], source: str = "127.0.0.1") -> str:
    """The ``grpc-status`` of a call with an empty message; empty where it got none."""
    request = frames.call(1, path.encode(), b"", *more)
    for each in answers(port, GREETING + request, source):
        if "grpc-status" in each.fields:
            return each.fields["grpc-status"]
    return ""
