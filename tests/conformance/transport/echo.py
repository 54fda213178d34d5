"""A service with all four kinds of method, in every style that a handler can be written in.

Messages are bytes: what the transport does with them is the subject, not protobuf.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from blrcs.interceptors.error_mapping import error_rejection
from blrcs.transport.registration import Registrar
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard

SERVICE = "echo.Echo"


def parse(body: bytes) -> str:
    return body.decode("utf-8")


def serialize(text: str) -> bytes:
    return text.encode()


async def unary(request: str, call: Call) -> str:
    match request.partition(" "):
        case ("abort", _, details):
            await call.abort(grpc.StatusCode.DATA_LOSS, details, (("reason", "asked"),))
        case ("raise", _, secret):
            raise RuntimeError(secret)
        case ("set_code", _, details):
            call.set_code(grpc.StatusCode.OUT_OF_RANGE)
            call.set_details(details)
            return None  # type: ignore[return-value]
        case ("metadata", _, key):
            values = [value for name, value in call.invocation_metadata() if name == key]
            await call.send_initial_metadata((("initial", "1"),))
            call.set_trailing_metadata((("trailing", "2"),))
            return repr(values)
        case ("sleep", _, seconds):
            await asyncio.sleep(float(seconds))
    return request


def unary_in_thread(request: str, context: Any) -> str:
    if request == "abort":
        context.abort(grpc.StatusCode.ABORTED, "from a thread")
    return f"{request} {context.method.short_name}"


async def server_stream(request: str, call: Call) -> AsyncIterator[str]:
    for index in range(int(request)):
        yield str(index)
    if request == "3":
        await call.abort(grpc.StatusCode.ABORTED, "after three")


async def server_stream_writing(request: str, call: Call) -> None:
    for index in range(int(request)):
        await call.write(str(index))


def server_stream_in_thread(request: str, context: Any) -> Iterator[str]:
    del context
    yield from (str(index) for index in range(int(request)))


async def client_stream(requests: AsyncIterator[str], call: Call) -> str:
    del call
    return ",".join([request async for request in requests])


async def client_stream_reading(requests: AsyncIterator[str], call: Call) -> str:
    del requests
    texts = []
    while (text := await call.read()) is not grpc.aio.EOF:
        texts.append(text)
    return ",".join(texts)


def client_stream_in_thread(requests: Iterator[str], context: Any) -> str:
    del context
    return ",".join(requests)


async def bidi(requests: AsyncIterator[str], call: Call) -> AsyncIterator[str]:
    del call
    async for request in requests:
        yield request.upper()


class RejectsBadWord(Guard):
    """A guard that reads messages."""

    def check(self, call: Call) -> Rejection | None:
        return BAD_WORD if call.request == "bad" else None


class WaitsThenRejects(Guard):
    """A guard that has to wait, and decides by metadata alone."""

    async def check(self, call: Call) -> Rejection | None:  # type: ignore[override]
        await asyncio.sleep(0)
        return REFUSED if ("refuse", "yes") in [tuple(pair) for pair in call.metadata] else None


BAD_WORD = Rejection(3, "validation", "BAD_WORD", "a bad word", (("why", "bad"),))
REFUSED = Rejection(7, "authorization", "REFUSED", "asked to be refused", (("why", "asked"),))

UNARY = {"Unary": unary, "UnaryInThread": unary_in_thread}
SERVER_STREAM = {
    "ServerStream": server_stream,
    "ServerStreamWriting": server_stream_writing,
    "ServerStreamInThread": server_stream_in_thread,
}
CLIENT_STREAM = {
    "ClientStream": client_stream,
    "ClientStreamReading": client_stream_reading,
    "ClientStreamInThread": client_stream_in_thread,
}


def echo_router() -> Router:
    """Routes the service alone."""
    return Router(echo_pipelines())


def echo_pipelines() -> dict[str, Pipeline]:
    """The service's pipelines by method."""
    registrar = Registrar()
    for make, behaviours in (
        (grpc.unary_unary_rpc_method_handler, UNARY),
        (grpc.unary_stream_rpc_method_handler, SERVER_STREAM),
        (grpc.stream_unary_rpc_method_handler, CLIENT_STREAM),
        (grpc.stream_stream_rpc_method_handler, {"Bidi": bidi}),
    ):
        registrar.add_registered_method_handlers(
            SERVICE,
            {name: make(behaviour, parse, serialize) for name, behaviour in behaviours.items()},
        )
    pipelines = {}
    for registration in registrar:
        method = registration.method()
        pipelines[registration.name] = Pipeline(
            method,
            registration.handler(),
            guards=[WaitsThenRejects("authorization")],
            body_guards=[RejectsBadWord("validation")],
            map_error=error_rejection,
        )
    return pipelines
