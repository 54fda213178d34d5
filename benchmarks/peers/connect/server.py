"""The echo server of connectrpc for Python on pyvoy. Prints its port and serves until SIGTERM.

Runs in the virtual environment that ``build`` makes. pyvoy imports :data:`application` in a process
of its own, which ends with this one.
"""

# ruff: noqa: ARG002 - arguments are named by the generated interface

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from connectrpc.request import RequestContext
from echo.v1.echo_connect import EchoService, EchoServiceASGIApplication
from echo.v1.echo_pb import CollectResponse, ExpandRequest, Message
from pyvoy import PyvoyServer


class Echo(EchoService):
    async def echo(self, request: Message, ctx: RequestContext) -> Message:
        return request

    async def echo_later(self, request: Message, ctx: RequestContext) -> Message:
        await asyncio.sleep(0)
        return request

    async def expand(self, request: ExpandRequest, ctx: RequestContext) -> AsyncIterator[Message]:
        reply = Message(payload=request.payload)
        for _ in range(request.count):
            yield reply

    async def collect(
        self, request: AsyncIterator[Message], ctx: RequestContext
    ) -> CollectResponse:
        messages = payload_bytes = 0
        async for message in request:
            messages += 1
            payload_bytes += len(message.payload)
        return CollectResponse(messages=messages, payload_bytes=payload_bytes)

    async def converse(
        self, request: AsyncIterator[Message], ctx: RequestContext
    ) -> AsyncIterator[Message]:
        async for message in request:
            yield message


application = EchoServiceASGIApplication(Echo())


async def serve(certificate: Path | None, key: Path | None) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with PyvoyServer(
        "server:application", tls_cert=certificate, tls_key=key, tls_enable_http3=False
    ) as server:
        print(server.listener_port, flush=True)
        await stopped.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--key", type=Path)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.cert, arguments.key))


if __name__ == "__main__":
    main()
