"""What every transport does alike; grpcio is the oracle."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from tests.conformance.transport.calls import collect
from tests.conformance.transport.echo import CLIENT_STREAM, SERVER_STREAM, SERVICE, parse, serialize

REFUSE = (("refuse", "yes"),)


def stub(channel: Any, kind: str, name: str) -> Any:
    return getattr(channel, kind)(
        f"/{SERVICE}/{name}", request_serializer=serialize, response_deserializer=parse
    )


async def texts(*values: str) -> AsyncIterator[str]:
    for value in values:
        yield value


def trailers(error: AioRpcError) -> dict[str, str | bytes]:
    return {key: value for key, value in error.trailing_metadata() if not key.startswith("grpc-")}


async def test_a_unary_call_is_answered(channel: Any) -> None:
    assert await stub(channel, "unary_unary", "Unary")("hello") == "hello"


async def test_a_plain_function_answers_from_a_thread(channel: Any) -> None:
    assert await stub(channel, "unary_unary", "UnaryInThread")("hi") == "hi UnaryInThread"


async def test_a_plain_function_can_abort(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "UnaryInThread")("abort")
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert caught.value.details() == "from a thread"


async def test_abort_gives_code_details_and_trailers(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Unary")("abort it all")
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert caught.value.details() == "it all"
    assert trailers(caught.value) == {"reason": "asked"}


async def test_a_set_code_without_a_reply_is_the_status(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Unary")("set_code far out")
    assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert caught.value.details() == "far out"


async def test_an_exception_is_internal_and_says_nothing(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Unary")("raise password1")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "internal error"
    assert b"password1" not in repr(caught.value.trailing_metadata()).encode()


async def test_metadata_crosses_both_ways(channel: Any) -> None:
    call = stub(channel, "unary_unary", "Unary")(
        "metadata key", metadata=(("key", "a"), ("other", "x"), ("key", "b"))
    )
    assert await call == "['a', 'b']"
    assert ("initial", "1") in [tuple(pair) for pair in await call.initial_metadata()]
    assert ("trailing", "2") in [tuple(pair) for pair in await call.trailing_metadata()]


async def test_binary_metadata_stays_bytes(channel: Any) -> None:
    call = stub(channel, "unary_unary", "Unary")
    assert await call("metadata k-bin", metadata=(("k-bin", b"\x00\xff"),)) == r"[b'\x00\xff']"


@pytest.mark.parametrize("name", SERVER_STREAM)
@pytest.mark.parametrize("count", [0, 1, 40])
async def test_a_server_streams(channel: Any, name: str, count: int) -> None:
    call = stub(channel, "unary_stream", name)(str(count))
    assert [text async for text in call] == [str(index) for index in range(count)]


async def test_messages_before_an_abort_arrive(channel: Any) -> None:
    received: list[str] = []
    with pytest.raises(AioRpcError) as caught:
        await collect(stub(channel, "unary_stream", "ServerStream")("3"), received)
    assert received == ["0", "1", "2"]
    assert caught.value.code() is grpc.StatusCode.ABORTED


@pytest.mark.parametrize("name", CLIENT_STREAM)
@pytest.mark.parametrize("values", [(), ("a",), tuple("abcdefghijklmnopqrstuvwxyz")])
async def test_a_client_streams(channel: Any, name: str, values: tuple[str, ...]) -> None:
    call = stub(channel, "stream_unary", name)
    assert await call(texts(*values)) == ",".join(values)


async def test_both_stream(channel: Any) -> None:
    call = stub(channel, "stream_stream", "Bidi")(texts("a", "b", "c"))
    assert [text async for text in call] == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("kind", "name"), [("unary_unary", "Unary"), ("unary_stream", "ServerStream")]
)
async def test_a_guard_that_waits_rejects(channel: Any, kind: str, name: str) -> None:
    with pytest.raises(AioRpcError) as caught:
        await first(stub(channel, kind, name)("1", metadata=REFUSE))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert caught.value.details() == "asked to be refused"
    assert trailers(caught.value) == {"why": "asked"}


async def test_a_message_guard_rejects_a_unary_request(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Unary")("bad")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert trailers(caught.value) == {"why": "bad"}


@pytest.mark.parametrize("name", CLIENT_STREAM)
async def test_a_message_guard_rejects_in_the_middle_of_a_stream(channel: Any, name: str) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "stream_unary", name)(texts("good", "bad", "good"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "a bad word"


async def test_a_malformed_message_is_an_invalid_argument(channel: Any) -> None:
    call = channel.unary_unary(f"/{SERVICE}/Unary")
    with pytest.raises(AioRpcError) as caught:
        await call(b"\xff\xfe")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_an_unknown_method_is_unimplemented(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Nope")("hello")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_deadline_ends_the_call(channel: Any) -> None:
    with pytest.raises(AioRpcError) as caught:
        await stub(channel, "unary_unary", "Unary")("sleep 30", timeout=0.05)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_thousand_calls_at_once_get_their_own_replies(channel: Any) -> None:
    call = stub(channel, "unary_unary", "Unary")
    assert await asyncio.gather(*(call(str(n)) for n in range(1000))) == [
        str(n) for n in range(1000)
    ]


async def first(call: Any) -> Any:
    if hasattr(call, "read") or hasattr(call, "_next"):
        async for message in call:
            return message
    return await call
