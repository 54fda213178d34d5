"""TestService, as gRPC's interoperability tests describe it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from blrcs_native.calls.call import Call
from tests.interop.contract import messages, stubs

CODES = {code.value[0]: code for code in grpc.StatusCode}
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
US_PER_S = 1_000_000

Compressed = Callable[[str], list[bool]]
"""Which messages the newest call of a peer sent compressed."""


class Servicer(stubs.TestServiceServicer):
    """All methods but the one that no server implements."""

    def __init__(self, compressed: Compressed) -> None:
        self._compressed = compressed

    async def EmptyCall(self, request: Any, context: Call) -> Any:
        return messages.Empty()

    async def UnaryCall(self, request: Any, context: Call) -> Any:
        await echo_metadata(context)
        await self._check(request, context)
        await end_as_asked(request, context)
        await offer_compression([request.response_compressed], context)
        compress_next(request.response_compressed, context)
        return messages.SimpleResponse(payload=payload(request.response_size))

    async def StreamingOutputCall(self, request: Any, context: Call) -> AsyncIterator[Any]:
        async for reply in replies(request, context):
            yield reply

    async def StreamingInputCall(self, requests: AsyncIterator[Any], context: Call) -> Any:
        size_bytes = index = 0
        async for request in requests:
            await self._check(request, context, index)
            size_bytes += len(request.payload.body)
            index += 1
        return messages.StreamingInputCallResponse(aggregated_payload_size=size_bytes)

    async def FullDuplexCall(
        self, requests: AsyncIterator[Any], context: Call
    ) -> AsyncIterator[Any]:
        await echo_metadata(context)
        async for request in requests:
            await end_as_asked(request, context)
            async for reply in replies(request, context):
                yield reply

    async def HalfDuplexCall(
        self, requests: AsyncIterator[Any], context: Call
    ) -> AsyncIterator[Any]:
        for request in [request async for request in requests]:
            async for reply in replies(request, context):
                yield reply

    async def _check(self, request: Any, call: Call, index: int = 0) -> None:
        """Ends a call whose message did not come compressed, or plain, as it says."""
        if not request.HasField("expect_compressed"):
            return
        if self._compressed(call.peer())[index] != request.expect_compressed.value:
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, "not compressed as announced")


def payload(size_bytes: int) -> Any:
    """As many zeros."""
    return messages.Payload(body=bytes(size_bytes))


async def replies(request: Any, call: Call) -> AsyncIterator[Any]:
    """The replies that a message of a stream asks for."""
    await offer_compression([each.compressed for each in request.response_parameters], call)
    for parameters in request.response_parameters:
        if parameters.interval_us:
            await asyncio.sleep(parameters.interval_us / US_PER_S)
        compress_next(parameters.compressed, call)
        yield messages.StreamingOutputCallResponse(payload=payload(parameters.size))


async def echo_metadata(call: Call) -> None:
    """Sends the two fields that the tests ask for back where they want them."""
    found = dict(call.invocation_metadata())
    if TRAILING in found:
        call.set_trailing_metadata(((TRAILING, found[TRAILING]),))
    if INITIAL in found:
        await call.send_initial_metadata(((INITIAL, found[INITIAL]),))


async def end_as_asked(request: Any, call: Call) -> None:
    """Ends the call with the status that the request names, if any."""
    if request.response_status.code:
        await call.abort(CODES[request.response_status.code], request.response_status.message)


async def offer_compression(wanted: list[Any], call: Call) -> None:
    """Compresses the call's replies if one of them is to be; before the headers are sent."""
    if any(flag.value for flag in wanted):
        call.set_compression(grpc.Compression.Gzip)
        # grpc.aio forgets it where the headers leave with the first reply.
        await call.send_initial_metadata(())


def compress_next(wanted: Any, call: Call) -> None:
    """Leaves the next reply as it is unless it is to be compressed."""
    if not wanted.value:
        call.disable_next_message_compression()
