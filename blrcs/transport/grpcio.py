"""The reference transport: grpc.aio, through the C core of grpcio.

It registers one generic handler. Requests and replies cross it as bytes, so that guards run before
a body is parsed.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from blrcs.domain.deadline import expect_within
from blrcs.transport.abort_error import GrpcAbortError
from blrcs.transport.router import Router
from blrcs.transport.status_codes import STATUS_CODES
from blrcs.transport.tls import ServerCredentials
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Metadata
from blrcs_native.calls.pipeline import Pipeline

FIELD_BYTES = 32
HARD_METADATA_LIMIT = "grpc.absolute_max_metadata_size"
SEND_LIMIT = "grpc.max_send_message_length"


class GrpcioStream:
    """A grpc.aio ServicerContext as the stream below a Call."""

    eof = grpc.aio.EOF
    abort_error = GrpcAbortError
    __slots__ = ("_context",)

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class GrpcioServer:
    """Serves a router's pipelines by grpc.aio.

    Args:
        router: Where calls go.
        options: Channel arguments of grpc core.
        compression: The default for replies.
        maximum_concurrent_rpcs: Calls beyond are refused with RESOURCE_EXHAUSTED.

    Calls with more metadata than ``grpc.absolute_max_metadata_size`` are refused with
    RESOURCE_EXHAUSTED, each field counted as in HTTP/2 (RFC 9113, section 6.5.2); grpc core itself
    lets more pass.
    """

    def __init__(
        self,
        router: Router,
        *,
        options: Sequence[tuple[str, Any]] = (),
        compression: grpc.Compression | None = None,
        maximum_concurrent_rpcs: int | None = None,
    ) -> None:
        given = dict(options)
        self._server = grpc.aio.server(
            options=list({"grpc.so_reuseport": 0, **given}.items()),
            compression=compression,
            maximum_concurrent_rpcs=maximum_concurrent_rpcs,
        )
        max_send_bytes = given.get(SEND_LIMIT, -1)
        dispatcher = _Dispatcher(
            router,
            given.get(HARD_METADATA_LIMIT),
            sys.maxsize if max_send_bytes < 0 else max_send_bytes,
        )
        self._server.add_generic_rpc_handlers((dispatcher,))

    def add_insecure_port(self, address: str) -> int:
        """Listens in plain text; returns the port. Raises RuntimeError where it cannot."""
        return int(self._server.add_insecure_port(address))

    def add_secure_port(
        self, address: str, credentials: ServerCredentials | grpc.ServerCredentials
    ) -> int:
        """Listens with TLS; returns the port. Raises RuntimeError where it cannot."""
        if isinstance(credentials, ServerCredentials):
            credentials = _grpc_credentials(credentials)
        return int(self._server.add_secure_port(address, credentials))

    async def start(self) -> None:
        """Accepts connections from now on."""
        await self._server.start()

    async def stop(self, grace_s: float | None) -> None:
        """Refuses new calls, and cancels those that still run after ``grace_s``."""
        await self._server.stop(grace_s)

    async def wait_for_termination(self, timeout_s: float | None = None) -> bool:
        """False once the server has stopped; True when ``timeout_s`` passed first."""
        return bool(await self._server.wait_for_termination(timeout_s))


def _grpc_credentials(credentials: ServerCredentials) -> grpc.ServerCredentials:
    """The same for grpc's core, which asks for the certificate at every handshake."""

    def fetch() -> grpc.ServerCertificateConfiguration:
        current = credentials.configuration()
        return grpc.ssl_server_certificate_configuration(current.pairs, current.root_certificates)

    return grpc.dynamic_ssl_server_credentials(
        fetch(), fetch, require_client_authentication=credentials.require_client_certificate
    )


class _Dispatcher(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the handler of a call; the pipeline behind it is looked up anew at every call."""

    def __init__(self, router: Router, max_metadata_bytes: int | None, max_send_bytes: int) -> None:
        self._router = router
        self._max_metadata_bytes = max_metadata_bytes
        self._max_send_bytes = max_send_bytes
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler | None:
        name = handler_call_details.method
        pipeline = self._router.find(name)
        if pipeline is None:
            return None
        handler = self._handlers.get(name)
        if handler is None:
            handler = self._handlers[name] = self._handler(name, pipeline)
        return handler

    def _handler(self, name: str, pipeline: Pipeline) -> grpc.RpcMethodHandler:
        method = pipeline.method
        router = self._router

        async def serve(body: Any, context: Any) -> bytes | None:
            pipeline = router.pipelines[name]
            call = Call(
                pipeline.method,
                GrpcioStream(context),
                context.invocation_metadata(),
                peer_address(context.peer()),
                max_send_bytes=self._max_send_bytes,
            )
            if oversized(call.metadata, self._max_metadata_bytes):
                await context.abort(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, "the metadata is larger than the limit"
                )
            expect_within(context.time_remaining())
            reply = await pipeline.serve(call, None if method.client_streaming else body)
            if call.rejection is not None:
                await _reject(context, call)
            return reply

        if method.server_streaming:
            make = (
                grpc.stream_stream_rpc_method_handler
                if method.client_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        else:
            make = (
                grpc.stream_unary_rpc_method_handler
                if method.client_streaming
                else grpc.unary_unary_rpc_method_handler
            )
        return make(serve)


async def _reject(context: Any, call: Call) -> None:
    rejection = call.rejection
    if rejection is None or context.done():
        return
    trailers: Metadata = (*(context.trailing_metadata() or ()), *rejection.trailers)
    await context.abort(STATUS_CODES[rejection.code], rejection.message, trailers)


def oversized(metadata: Metadata, max_bytes: int | None) -> bool:
    """Whether the fields, at 32 bytes each beside their text, are more than a bound."""
    if max_bytes is None:
        return False
    return sum(len(name) + len(value) + FIELD_BYTES for name, value in metadata) > max_bytes


@lru_cache(4096)  # the same for all calls of a connection
def peer_address(peer: str) -> str:
    """The address of ``ipv4:1.2.3.4:5``, ``ipv6:[::1]:5`` or ``unix:...``, without the port."""
    family, _, rest = peer.partition(":")
    if family not in {"ipv4", "ipv6"}:
        return family
    host = rest.rpartition(":")[0]
    return unquote(host).strip("[]")
