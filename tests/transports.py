"""The transports that a server can be asked for."""

import inspect
from typing import Any

import grpc

import blrcs.aio

CHOOSES = "transport" in inspect.signature(blrcs.aio.server).parameters
ssl_server_credentials = getattr(
    blrcs.aio, "ssl_server_credentials", grpc.ssl_server_credentials
)
TRANSPORTS = ("native", "grpcio") if CHOOSES else ("grpcio",)


def make_server(transport: str, **arguments: Any) -> blrcs.aio.Server:
    """A server on a transport, with the arguments of :func:`blrcs.aio.server`."""
    if CHOOSES:
        arguments["transport"] = transport
    return blrcs.aio.server(**arguments)
