"""Says which addresses can be listened on, and what a client of IPv4 is answered there."""

import asyncio
import sys

import grpc
import grpc.aio

import blrcs.aio
from blrcs.domain.policy import PUBLIC

ECHO = "/test.Echo/Echo"


async def echo(body: bytes, _: object) -> bytes:
    return body


async def main(transport: str) -> None:
    for address in ("[::]:0", "[::1]:0"):
        server = blrcs.aio.server(policies={ECHO: PUBLIC}, transport=transport)
        handler = grpc.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("test.Echo", {"Echo": handler}),)
        )
        try:
            port = server.add_insecure_port(address)
        except RuntimeError:
            sys.stdout.write(f"{address} refused\n")
            continue
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            reply = await channel.unary_unary(ECHO)(b"hello", timeout=60)
        sys.stdout.write(f"{address} {reply.decode()}\n")
        await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
