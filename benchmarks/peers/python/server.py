"""The echo server in Python: ours, on either transport, and grpc.aio. The handlers are the same.

    python server.py blrcs|blrcs-grpcio|grpc.aio [--cert FILE --key FILE] [--settled]

Prints its port, and serves until it is told to stop by SIGTERM.
"""

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop
from echo.v1 import echo_pb2, echo_pb2_grpc

import blrcs.aio
from blrcs.domain.policy import PUBLIC

POLICIES = {"/echo.v1.EchoService/*": PUBLIC}
GRACE_S = 0.5


class EchoService(echo_pb2_grpc.EchoServiceServicer):
    async def Echo(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return request

    async def EchoLater(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        await asyncio.sleep(0)
        return request

    async def Expand(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802, ARG002
        reply = echo_pb2.Message(payload=request.payload)
        for _ in range(request.count):
            yield reply

    async def Collect(self, requests: AsyncIterator[Any], context: Any) -> Any:  # noqa: N802, ARG002
        messages = payload_bytes = 0
        async for message in requests:
            messages += 1
            payload_bytes += len(message.payload)
        return echo_pb2.CollectResponse(messages=messages, payload_bytes=payload_bytes)

    async def Converse(  # noqa: N802
        self,
        requests: AsyncIterator[Any],
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[Any]:
        async for message in requests:
            yield message


SERVERS: dict[str, Callable[[], Any]] = {
    "blrcs": lambda: blrcs.aio.server(policies=POLICIES),
    "blrcs-grpcio": lambda: blrcs.aio.server(policies=POLICIES, transport="grpcio"),
    "grpc.aio": grpc.aio.server,
}


async def serve(name: str, credentials: Any, *, settled: bool) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = SERVERS[name]()
    echo_pb2_grpc.add_EchoServiceServicer_to_server(EchoService(), server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    if settled:
        blrcs.aio.settle_process()
    print(port, flush=True)
    await stopped.wait()
    await server.stop(GRACE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--cert", type=Path, help="PEM file; with it the server speaks TLS")
    parser.add_argument("--key", type=Path, help="PEM file")
    parser.add_argument(
        "--settled",
        action="store_true",
        help="prepare the process, as blrcs serve does",
    )
    arguments = parser.parse_args()
    credentials = None
    if arguments.cert:
        pair = (arguments.key.read_bytes(), arguments.cert.read_bytes())
        make = grpc if arguments.server == "grpc.aio" else blrcs.aio
        credentials = make.ssl_server_credentials([pair])
    uvloop.run(serve(arguments.server, credentials, settled=arguments.settled))


if __name__ == "__main__":
    main()
