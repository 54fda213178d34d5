"""ConformanceService as its contract describes it: what to answer stands in the request."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable
from types import SimpleNamespace
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import status_pb2

from blrcs_native.calls.call import Call

CODES = {code.value[0]: code for code in grpc.StatusCode}
STATUS_DETAILS = "grpc-status-details-bin"
MS_PER_S = 1000


class ConformanceService:
    """The handlers of the service; ``contract`` holds its messages."""

    def __init__(self, contract: SimpleNamespace) -> None:
        self._contract = contract

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """By method name. ``Unimplemented`` is not among them, as the contract demands."""
        kinds = {
            "Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
            "IdempotentUnary": (grpc.unary_unary_rpc_method_handler, self.idempotent_unary),
            "ServerStream": (grpc.unary_stream_rpc_method_handler, self.server_stream),
            "ClientStream": (grpc.stream_unary_rpc_method_handler, self.client_stream),
            "BidiStream": (grpc.stream_stream_rpc_method_handler, self.bidi_stream),
        }
        return {
            name: make(
                behaviour,
                getattr(self._contract, f"{name}Request").FromString,
                getattr(self._contract, f"{name}Response").SerializeToString,
            )
            for name, (make, behaviour) in kinds.items()
        }

    async def unary(self, request: Any, call: Call) -> Any:
        return await self._answer(self._contract.UnaryResponse, [request], call)

    async def idempotent_unary(self, request: Any, call: Call) -> Any:
        return await self._answer(self._contract.IdempotentUnaryResponse, [request], call)

    async def client_stream(self, requests: AsyncIterator[Any], call: Call) -> Any:
        received = [request async for request in requests]
        return await self._answer(self._contract.ClientStreamResponse, received, call)

    async def server_stream(self, request: Any, call: Call) -> AsyncIterator[Any]:
        definition = request.response_definition
        info = self._request_info(call, [request])
        await start(call, definition)
        for index, data in enumerate(definition.response_data):
            await delay(definition)
            yield self._contract.ServerStreamResponse(
                payload=self._payload(data, None if index else info)
            )
        await self._end(call, definition, None if definition.response_data else info)

    async def bidi_stream(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        received = []
        definition, full_duplex, sent = None, False, 0
        async for request in requests:
            if definition is None:
                definition, full_duplex = request.response_definition, request.full_duplex
                await start(call, definition)
            received.append(request)
            if not full_duplex:
                continue
            if sent == len(definition.response_data):
                break
            await delay(definition)
            info = self._request_info(call, received, with_call=not sent)
            yield self._bidi_response(definition.response_data[sent], info)
            received = []
            sent += 1
        if definition is None:
            return
        info = self._request_info(call, received) if not sent else None
        for data in definition.response_data[sent:]:
            await delay(definition)
            yield self._bidi_response(data, info)
            info = None
            sent += 1
        await self._end(call, definition, None if sent else info)

    async def _answer(self, response: Any, requests: list[Any], call: Call) -> Any:
        """The only reply to a call: what its first request asks for."""
        info = self._request_info(call, requests)
        if not requests:
            return response(payload=self._payload(b"", info))
        definition = requests[0].response_definition
        await start(call, definition)
        await delay(definition)
        await self._end(call, definition, info)
        return response(payload=self._payload(definition.response_data, info))

    async def _end(self, call: Call, definition: Any, info: Any) -> None:
        """Ends the call with the error that is asked for, if any."""
        if not definition.HasField("error"):
            return
        error = definition.error
        status = status_pb2.Status(code=error.code, message=error.message, details=error.details)
        if info is not None:
            status.details.append(packed(info))
        trailers = metadata(definition.response_trailers)
        call.set_trailing_metadata((*trailers, (STATUS_DETAILS, status.SerializeToString())))
        await call.abort(CODES[error.code], error.message)

    def _bidi_response(self, data: bytes, info: Any) -> Any:
        return self._contract.BidiStreamResponse(payload=self._payload(data, info))

    def _payload(self, data: bytes, info: Any) -> Any:
        return self._contract.ConformancePayload(data=data, request_info=info)

    def _request_info(self, call: Call, requests: list[Any], *, with_call: bool = True) -> Any:
        """What the server saw of the call; without ``with_call`` only of its messages."""
        info = self._contract.ConformancePayload.RequestInfo(
            requests=[packed(request) for request in requests]
        )
        if with_call:
            for name, values in headers(call.invocation_metadata()).items():
                info.request_headers.add(name=name, value=values)
            remaining_s = call.time_remaining()
            if remaining_s is not None:
                info.timeout_ms = int(remaining_s * MS_PER_S)
        return info


async def start(call: Call, definition: Any) -> None:
    """Sends the headers at once, and sets the trailers."""
    call.set_trailing_metadata(metadata(definition.response_trailers))
    await call.send_initial_metadata(metadata(definition.response_headers))


async def delay(definition: Any) -> None:
    """Waits as long as the answer is to be held back."""
    if definition.response_delay_ms:
        await asyncio.sleep(definition.response_delay_ms / MS_PER_S)


def packed(message: Any) -> any_pb2.Any:
    """The message in an Any."""
    value = any_pb2.Any()
    value.Pack(message)
    return value


def metadata(pairs: Iterable[Any]) -> tuple[tuple[str, str | bytes], ...]:
    """The contract's headers as metadata; binary ones are base64 there."""
    return tuple(
        (pair.name.lower(), from_base64(value) if pair.name.lower().endswith("-bin") else value)
        for pair in pairs
        for value in pair.value
    )


def headers(pairs: Iterable[tuple[str, str | bytes]]) -> dict[str, list[str]]:
    """Metadata by name, binary values as base64 without padding."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        text = base64.b64encode(value).decode().rstrip("=") if isinstance(value, bytes) else value
        found.setdefault(name, []).append(text)
    return found


def from_base64(text: str) -> bytes:
    """The bytes of base64 with or without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4))
