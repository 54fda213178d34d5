"""What only a client that is not gRPC's own can send, as raw HTTP/2 frames."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from blrcs.transport.grpcio import GrpcioServer
from tests.conformance.transport.echo import SERVICE, echo_router, parse, serialize

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, CONTINUATION = 4, 1, 9
END_STREAM, END_HEADERS = 1, 4
MAX_FRAME_BYTES = 16_000
MAX_METADATA_BYTES = 8_192


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    header = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return header + payload


def integer(value: int) -> bytes:
    """RFC 7541, section 5.1, with a prefix of seven bits."""
    if value < 127:
        return bytes([value])
    octets = [127]
    value -= 127
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def field(name: bytes, value: bytes) -> bytes:
    """A literal header field, never indexed."""
    return b"\x10" + integer(len(name)) + name + integer(len(value)) + value


def request(path: bytes, *fields: tuple[bytes, bytes]) -> bytes:
    """The frames of a call of an empty message."""
    block = b"".join(
        field(name, value)
        for name, value in (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", b"test"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            *fields,
        )
    )
    parts = [block[at : at + MAX_FRAME_BYTES] for at in range(0, len(block), MAX_FRAME_BYTES)]
    frames = []
    for index, part in enumerate(parts):
        flags = END_HEADERS if index == len(parts) - 1 else 0
        frames.append(frame(CONTINUATION if index else HEADERS, flags, 1, part))
    return b"".join(frames) + frame(0, END_STREAM, 1, b"\0\0\0\0\0")


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    server = GrpcioServer(
        echo_router(),
        options=[
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
        ],
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def answer(port: int, sent: bytes) -> bytes:
    """All that the server answers within a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE + frame(SETTINGS, 0, 0) + sent)
    received = b""
    try:
        async with asyncio.timeout(1):
            while chunk := await reader.read(65_536):
                received += chunk
    except TimeoutError:
        pass
    writer.close()
    return received


async def still_serves(port: int) -> bool:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(f"/{SERVICE}/Unary", serialize, parse)
        return bool(await call("hello", timeout=5) == "hello")


async def test_a_path_that_is_not_utf_8_does_not_end_the_server() -> None:
    async with serving() as port:
        await answer(port, request(b"/\xff/b"))
        assert await still_serves(port)


async def test_metadata_over_the_limit_is_refused() -> None:
    path = f"/{SERVICE}/Unary".encode()
    async with serving() as port:
        received = await answer(port, request(path, (b"x", b"y" * (2 * MAX_METADATA_BYTES))))
        assert b"grpc-status" in received
        assert b"the metadata is larger than the limit" in received
        assert await still_serves(port)
