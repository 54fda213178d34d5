"""Streams that are refused while their handlers run: these are told of no error of their own."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc.aio import AioRpcError

from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import open_channel
from tests.conformance.transport.echo import RejectsBadWord, parse, serialize

NAME = "/tests.Refused/Echo"
MAX_REPLY_BYTES = 100


async def refused(transport: str, *messages: bytes) -> tuple[AioRpcError, list[BaseException]]:
    """What the client gets, and what went through the handler."""
    raised: list[BaseException] = []

    async def echo(request: AsyncIterator[str], call: Call) -> None:
        try:
            async for message in request:
                await call.write(message)
        except Exception as error:
            raised.append(error)
            raise

    async def each() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    method = Method(
        NAME, client_streaming=True, server_streaming=True, parse=parse, serialize=serialize
    )
    pipeline = Pipeline(method, echo, body_guards=[RejectsBadWord("validation")])
    options = [("grpc.max_send_message_length", MAX_REPLY_BYTES)]
    async with open_channel(transport, Router({NAME: pipeline}), server_options=options) as channel:
        opened: Any = channel
        with pytest.raises(AioRpcError) as caught:
            async for _ in opened.stream_stream(NAME)(each()):
                pass
    return caught.value, raised


@pytest.mark.parametrize("message", [b"bad", b"\xff"], ids=["by a guard", "malformed"])
async def test_a_request_that_is_refused_is_an_abort(transport: str, message: bytes) -> None:
    error, raised = await refused(transport, b"good", message)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [isinstance(each, grpc.aio.AbortError) for each in raised] == [True]


async def test_a_reply_that_is_too_large_is_an_abort(transport: str) -> None:
    if transport == "in_process":
        return  # nothing is too large there
    error, raised = await refused(transport, b"good", b"x" * (MAX_REPLY_BYTES + 1))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [isinstance(each, grpc.aio.AbortError) for each in raised] == [True]
