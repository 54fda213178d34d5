"""The transports by name."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import grpc

from blrcs.transport.grpcio import GrpcioServer
from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs.transport.tls import ServerCredentials
from blrcs_native.addresses.network import CurrentNetwork
from blrcs_native.load.overload import Overload
from blrcs_native.monitoring.metrics import Counter

TransportName = Literal["native", "grpcio"]


class TransportServer(Protocol):
    """What both servers do; see :class:`NativeServer`."""

    def add_insecure_port(self, address: str) -> int: ...  # noqa: D102
    def add_secure_port(self, address: str, credentials: ServerCredentials) -> int: ...  # noqa: D102
    async def start(self) -> None: ...  # noqa: D102
    async def stop(self, grace_s: float | None) -> None: ...  # noqa: D102
    async def wait_for_termination(self, timeout_s: float | None = None) -> bool: ...  # noqa: D102


def transport_server(
    name: TransportName,
    router: Router,
    *,
    options: Sequence[tuple[str, Any]] = (),
    compression: grpc.Compression | None = None,
    maximum_concurrent_rpcs: int | None = None,
    abuse_counter: Counter | None = None,
    overload: Overload | None = None,
    network: CurrentNetwork | None = None,
) -> TransportServer:
    """A server of the router's pipelines.

    ``abuse_counter``, ``network`` and ``overload`` are the native transport's alone: behind the
    other one the guards ask where each call comes from, and no connection is closed.

    Raises:
        ValueError: There is no such transport, or an option is out of its range.
    """
    if name == "grpcio":
        return GrpcioServer(
            router,
            options=options,
            compression=compression,
            maximum_concurrent_rpcs=maximum_concurrent_rpcs,
        )
    if name != "native":
        raise ValueError(f"transport is native or grpcio, not {name!r}")
    return NativeServer(
        router,
        options=options,
        compression=compression,
        maximum_concurrent_rpcs=maximum_concurrent_rpcs,
        abuse_counter=abuse_counter,
        overload=overload,
        network=network,
    )
