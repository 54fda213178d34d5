"""One server of the guarded-call benchmark, on a free port of the loopback.

    python guarded_server.py SERVER [--requests-per-s N]

Prints its port, and serves until it is told to stop by SIGTERM.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import uvloop
from order_scenario import (
    AUDIENCE,
    ISSUER,
    KEY_ID,
    METHOD,
    PERMISSION,
    PRIVATE_KEY,
    Orders,
    grants,
    orders_pb2_grpc,
)
from transport_peers import without_transports

import blrcs.aio
from blrcs.assembly.metrics import ServerMetrics
from blrcs.domain.policy import Limit, MethodPolicy, Permission
from blrcs.interceptors.call_log import CallLog
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.rejection_metrics import RejectionMetrics
from blrcs.monitoring.log_level import LogLevel
from blrcs.monitoring.logging import configure_logging
from blrcs.workers.memory import METRIC_CELLS
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import MetricsBlock
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier

ROLE = "roles/reader"
LIMITER_CELLS = 65_536
GRACE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingFactory(PipelineFactory):
    """Counts the calls of the methods that it binds, as ``blrcs serve`` does."""

    calls: CallMetrics

    def bind(self, method: Method, handler: Handler) -> Pipeline:
        counted = Method(
            method.name,
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            parse=method.parse,
            serialize=method.serialize,
            policy=method.policy,
            input_descriptor=method.input_descriptor,
            metrics=self.calls.method(method.service, method.short_name, method.kind),
        )
        return PipelineFactory.bind(self, counted, handler)


def blrcs_server(requests_per_s: int, **transport: str) -> Any:
    """Ours, with the observers of ``blrcs serve``."""
    metrics = ServerMetrics(MetricsBlock(METRIC_CELLS))
    bindings = [
        BindingSpec(f"bindings/{name}", ROLE, [name], resource)
        for name, resource in grants().items()
    ]
    factory = CountingFactory(
        limiter=Limiter(LIMITER_CELLS),
        verifier=TokenVerifier(
            Keyset([VerificationKey(KEY_ID, "EdDSA", PRIVATE_KEY.public_key())]),
            issuers=[ISSUER],
            audiences=[AUDIENCE],
        ),
        access=CurrentAccess(AccessTable([RoleSpec(ROLE, [PERMISSION])], [], bindings)),
        observers=(RejectionMetrics(metrics.rejections), CallLog(LogLevel("info"))),
        calls=metrics.calls,
    )
    policy = MethodPolicy(
        Permission(PERMISSION, "orders/{order_id}"),
        limits=(Limit("address", requests_per_s), Limit("principal", requests_per_s)),
    )
    server = blrcs.aio.server(factory=factory, policies={METHOD: policy}, **transport)
    orders_pb2_grpc.add_OrderServiceServicer_to_server(Orders(), server)
    return server


def on_grpcio() -> dict[str, str]:
    """The argument that puts ours on grpcio, where there is another transport."""
    return {} if without_transports() else {"transport": "grpcio"}


def bare_server(requests_per_s: int) -> Any:
    """grpc.aio with nothing around the handler."""
    del requests_per_s
    return grpcio_server([])


def handmade_server(requests_per_s: int, *, remembers_tokens: bool = False) -> Any:
    """grpc.aio behind four interceptors."""
    # Where no peer is measured, what it is made of need not be installed.
    from peers.handmade_pipeline import interceptors  # noqa: PLC0415

    return grpcio_server(
        interceptors(
            key=PRIVATE_KEY.public_key(),
            issuer=ISSUER,
            audience=AUDIENCE,
            grants=grants(),
            requests_per_s=requests_per_s,
            remembers_tokens=remembers_tokens,
        )
    )


def grpcio_server(stages: list[Any]) -> Any:
    server = grpc.aio.server(interceptors=stages, options=[("grpc.so_reuseport", 0)])
    orders_pb2_grpc.add_OrderServiceServicer_to_server(Orders(), server)
    return server


SERVERS: dict[str, Callable[[int], Any]] = {
    "bare": bare_server,
    "blrcs": blrcs_server,
    "blrcs-grpcio": lambda rate: blrcs_server(rate, **on_grpcio()),
    "handmade": handmade_server,
    "handmade-remembering": lambda rate: handmade_server(rate, remembers_tokens=True),
}


async def serve(name: str, requests_per_s: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = SERVERS[name](requests_per_s)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await stopped.wait()
    await server.stop(GRACE_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--requests-per-s", type=int, default=1_000_000_000)
    arguments = parser.parse_args()
    with Path(os.devnull).open("wb") as nowhere:
        configure_logging("json", "info", stream=nowhere)
        uvloop.run(serve(arguments.server, arguments.requests_per_s))


if __name__ == "__main__":
    main()
