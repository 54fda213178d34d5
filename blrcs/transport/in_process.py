"""A transport without a network: calls from the same event loop, through the same pipelines.

:class:`InProcessChannel` takes the place of a ``grpc.aio.Channel`` under generated stubs. Messages
cross it as bytes, so that nothing is shared between caller and handler.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any

import grpc
from grpc.aio import EOF, AioRpcError
from grpc.aio import Metadata as GrpcMetadata

from blrcs.domain.deadline import expect_within
from blrcs.transport.abort_error import GrpcAbortError
from blrcs.transport.router import Router
from blrcs.transport.status_codes import STATUS_CODES
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Metadata
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.http2.reply_fields import check_fields

PEER = "in-process"
QUEUED_MESSAGES = 16


class InProcessStream:
    """The server's side of one call, and the queues between the two."""

    eof = EOF
    abort_error = GrpcAbortError

    def __init__(self, deadline: float | None) -> None:
        self.requests: asyncio.Queue[Any] = asyncio.Queue(QUEUED_MESSAGES)
        self.replies: asyncio.Queue[Any] = asyncio.Queue(QUEUED_MESSAGES)
        self.sent_initial_metadata: Metadata = ()
        self._deadline = deadline
        self._trailing_metadata: Metadata = ()
        self._code: Any = None
        self._details = ""
        self._callbacks: list[Callable[[Any], None]] = []
        self._requests_ended = False
        self._state = "running"

    async def read(self) -> Any:
        """The next request's bytes, then EOF for ever, as once the call is over."""
        if self._requests_ended or (self.done() and self.requests.empty()):
            return EOF
        body = await self.requests.get()
        self._requests_ended = body is EOF
        return body

    async def write(self, body: bytes) -> None:
        """Waits while the client is slower than the server."""
        await self.replies.put(body)

    async def send_initial_metadata(self, initial_metadata: Metadata) -> None:
        """Keeps the metadata for the client; ValueError or TypeError where none could be sent."""
        check_fields(initial_metadata)
        self.sent_initial_metadata = tuple(initial_metadata)

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        """What the client gets with the status; ValueError or TypeError as above."""
        check_fields(trailing_metadata)
        self._trailing_metadata = tuple(trailing_metadata)

    def trailing_metadata(self) -> Metadata:
        """What was set."""
        return self._trailing_metadata

    def set_code(self, code: Any) -> None:
        """The status code, unless the call is rejected."""
        self._code = code

    def code(self) -> Any:
        """What was set."""
        return self._code

    def set_details(self, details: str) -> None:
        """The status message."""
        self._details = details

    def details(self) -> str:
        """What was set."""
        return self._details

    def peer(self) -> str:
        """The name of the transport."""
        return PEER

    def peer_identities(self) -> None:
        """Nobody is authenticated by the transport."""

    def peer_identity_key(self) -> None:
        """Nobody is authenticated by the transport."""

    def auth_context(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def time_remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    def cancelled(self) -> bool:
        """The client gave up."""
        return self._state == "cancelled"

    def done(self) -> bool:
        """The call has ended."""
        return self._state != "running"

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Called once when the call has ended."""
        self._callbacks.append(callback)

    def set_compression(self, compression: Any) -> None:
        """Nothing is compressed here."""

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed here."""

    def end(self, *, cancelled: bool = False) -> None:
        """Marks the call as ended."""
        self._state = "cancelled" if cancelled else "done"
        # A thread of the handler's may wait for a request yet.
        with contextlib.suppress(asyncio.QueueFull):
            self.requests.put_nowait(EOF)
        for callback in self._callbacks:
            callback(self)


class InProcessCall:
    """The client's side of one call: awaitable, or an async iterator where the server streams."""

    def __init__(
        self, task: asyncio.Task[Any], stream: InProcessStream, parse: Callable[[bytes], Any] | None
    ) -> None:
        self._task = task
        self._stream = stream
        self._parse = parse or (lambda body: body)

    def __await__(self) -> Any:
        return self._reply().__await__()

    async def _reply(self) -> Any:
        try:
            return self._parse(await self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            raise

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            while (body := await self._next()) is not EOF:
                yield self._parse(body)
        finally:
            self._task.cancel()

    async def _next(self) -> Any:
        waiting = asyncio.ensure_future(self._stream.replies.get())
        try:
            await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        if not self._stream.replies.empty():
            return self._stream.replies.get_nowait()
        await self._task  # raises what the call ended with
        return EOF

    def cancel(self) -> bool:
        """Gives up; the handler is cancelled."""
        return self._task.cancel()

    async def initial_metadata(self) -> Metadata:
        """What the handler sent so far."""
        return self._stream.sent_initial_metadata

    async def trailing_metadata(self) -> Metadata:
        """What the call ended with."""
        await asyncio.wait({self._task})
        return self._stream.trailing_metadata()


class InProcessChannel:
    """Calls a router's pipelines; stands under generated stubs as a grpc.aio.Channel does.

    ``metadata`` goes with every call, before the call's own.
    """

    def __init__(
        self, router: Router, *, metadata: Metadata = (), peer_address: str = PEER
    ) -> None:
        self._router = router
        self._metadata = tuple(metadata)
        self._peer_address = peer_address

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool = False,  # noqa: FBT001, FBT002 - generated stubs pass it
    ) -> Callable[..., InProcessCall]:
        """A callable for a method, whatever streams; the other three are the same."""
        serialize = request_serializer or (lambda body: body)

        def call(
            request: Any, *, metadata: Metadata = (), timeout: float | None = None, **_: Any
        ) -> InProcessCall:
            deadline = None if timeout is None else asyncio.get_running_loop().time() + timeout
            stream = InProcessStream(deadline)
            sent = (*self._metadata, *(metadata or ()))
            serving = self._serve(method, stream, serialize, request, sent, timeout)
            return InProcessCall(asyncio.ensure_future(serving), stream, response_deserializer)

        return call

    unary_stream = stream_unary = stream_stream = unary_unary

    async def _serve(
        self,
        name: str,
        stream: InProcessStream,
        serialize: Callable[[Any], bytes],
        request: Any,
        metadata: Metadata,
        timeout_s: float | None,
    ) -> bytes | None:
        pipeline = self._router.find(name)
        if pipeline is None:
            raise _error(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        call = Call(pipeline.method, stream, metadata, self._peer_address)
        sending = None
        body = None
        if pipeline.method.client_streaming:
            sending = asyncio.ensure_future(_send(stream, serialize, request))
        else:
            body = serialize(request)
        try:
            return await _run(pipeline, call, body, timeout_s)
        except asyncio.CancelledError:
            stream.end(cancelled=True)
            raise
        finally:
            if sending is not None:
                sending.cancel()
            if not stream.done():
                stream.end()


async def _run(
    pipeline: Pipeline, call: Call, body: bytes | None, timeout_s: float | None
) -> bytes | None:
    stream = call.stream
    expect_within(timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            reply = await pipeline.serve(call, body)
    except TimeoutError:
        raise _error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None
    rejection = call.rejection
    if rejection is not None:
        stream.set_trailing_metadata((*stream.trailing_metadata(), *rejection.trailers))
        raise _error(STATUS_CODES[rejection.code], rejection.message, stream.trailing_metadata())
    if call.status_code:
        raise _error(STATUS_CODES[call.status_code], stream.details(), stream.trailing_metadata())
    return reply


async def _send(stream: InProcessStream, serialize: Callable[[Any], bytes], messages: Any) -> None:
    if isinstance(messages, AsyncIterable):
        async for message in messages:
            await stream.requests.put(serialize(message))
    elif isinstance(messages, Iterable):
        for message in messages:
            await stream.requests.put(serialize(message))
    await stream.requests.put(EOF)


def _error(code: grpc.StatusCode, details: str, trailers: Metadata = ()) -> AioRpcError:
    return AioRpcError(code, GrpcMetadata(), GrpcMetadata(*trailers), details)
