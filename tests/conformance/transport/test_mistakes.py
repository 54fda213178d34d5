"""What a handler gets wrong is its call's failure and nobody else's, on every transport."""

from typing import Any

import grpc
import grpc.aio
import pytest
from grpc.aio import AioRpcError

from tests.conformance.transport.calls import collect
from tests.conformance.transport.context_service import SERVICE, Context

MISTAKES = (
    b"code",
    b"details",
    b"trailing",
    b"initial",
    b"abort_code",
    b"abort_details",
    b"abort_name",
    b"abort_value",
)
TIMEOUT_S = 20
"""Far above what any answer takes; a call that is never answered is seen by it."""


async def call(channel: Any, name: str, request: bytes) -> None:
    path = f"/{SERVICE}/{name}"
    if name == "mistake_in_a_stream":
        await collect(channel.unary_stream(path)(request, timeout=TIMEOUT_S), [])
    else:
        await channel.unary_unary(path)(request, timeout=TIMEOUT_S)


async def status_of(channel: Any, name: str, request: bytes = b"") -> AioRpcError:
    with pytest.raises(AioRpcError) as caught:
        await call(channel, name, request)
    return caught.value


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", ["mistake", "wait_and_mistake", "mistake_in_a_stream"])
async def test_what_no_status_can_be_made_of_fails_one_call(
    channel: Any, name: str, mistake: bytes
) -> None:
    other = channel.unary_unary(f"/{SERVICE}/time_out")(b"")
    error = await status_of(channel, name, mistake)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert await other == b"timed out"


async def test_a_plain_function_that_ends_an_iterator_is_answered(channel: Any) -> None:
    error = await status_of(channel, "end_an_iterator_in_thread")
    assert error.code() is grpc.StatusCode.INTERNAL


async def test_no_message_is_an_empty_one(channel: Any) -> None:
    assert await channel.unary_unary(f"/{SERVICE}/nothing")(b"") == b""


async def test_an_abort_is_known_by_the_name_that_grpc_gives_it(
    channel: Any, context: Context
) -> None:
    error = await status_of(channel, "abort_seen_by_name")
    assert error.details() == "nothing to report"
    assert context.record.abort_seen
