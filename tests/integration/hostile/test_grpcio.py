"""What a client that is not gRPC's own sends to the server that stands on grpcio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio

from blrcs.transport.grpcio import GrpcioServer
from tests.conformance.transport.echo import SERVICE, echo_router, parse, serialize
from tests.integration.hostile.victim import PATIENCE_S, attacker
from tests.unit.native.http2.frames import call

MAX_METADATA_BYTES = 8_192
UNARY = f"/{SERVICE}/Unary"


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


async def still_serves(port: int) -> bool:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        unary = channel.unary_unary(UNARY, serialize, parse)
        return bool(await unary("hello", timeout=PATIENCE_S) == "hello")


async def test_a_path_that_is_not_utf_8_does_not_end_the_server() -> None:
    async with serving() as port, attacker(port) as client:
        await client.send(call(1, b"/\xff/b"))
        await client.until(lambda each: each.stream == 1)
        assert await still_serves(port)


async def test_metadata_over_the_limit_is_refused() -> None:
    async with serving() as port, attacker(port) as client:
        await client.send(call(1, UNARY.encode(), b"", (b"x", b"y" * (2 * MAX_METADATA_BYTES))))
        taken = await client.until(lambda each: "grpc-status" in each.fields)
        assert taken[-1].fields["grpc-message"] == "the metadata is larger than the limit"
        assert await still_serves(port)
