"""The context of a call, on every transport; grpcio is the oracle."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError

from tests.conformance.transport.calls import collect
from tests.conformance.transport.context_service import SERVICE, Context

MIB = 1 << 20
WAIT_S = 10


@pytest.fixture
def record(context: Context) -> Any:
    return context.record


def unary(channel: Any, name: str) -> Any:
    return channel.unary_unary(f"/{SERVICE}/{name}")


async def each(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


def custom(metadata: Any) -> list[tuple[str, Any]]:
    """What the server gave, without what gRPC adds."""
    return [
        (key, value)
        for key, value in metadata
        if not key.startswith(("grpc-", ":", "content-type")) and key != "date"
    ]


async def failure(call: Any) -> AioRpcError:
    with pytest.raises(AioRpcError) as caught:
        await call
    return caught.value


async def test_metadata_arrives_in_full_and_each_name_in_its_order(channel: Any) -> None:
    sent = (("a", "1"), ("b-bin", b"\x00\xff"), ("a", " 2 "), ("empty", ""), ("c-bin", b""))
    reply = json.loads(await unary(channel, "describe")(b"", metadata=sent))
    assert [value for key, value in reply["metadata"] if key == "a"] == ["1", " 2 "]
    assert sorted(map(tuple, reply["metadata"])) == [
        ("a", " 2 "), ("a", "1"), ("b-bin", "00ff"), ("c-bin", ""), ("empty", "")
    ]  # fmt: skip


async def test_a_fresh_call_has_no_status(channel: Any) -> None:
    reply = json.loads(await unary(channel, "describe")(b""))
    assert not reply["code"]
    assert not reply["details"]
    assert reply["trailing"] == []
    assert (reply["cancelled"], reply["done"], reply["has_deadline"]) == (False, False, False)


async def test_a_handler_knows_of_its_deadline(channel: Any) -> None:
    assert json.loads(await unary(channel, "describe")(b"", timeout=30))["has_deadline"]


async def test_a_handler_runs_in_a_task(channel: Any) -> None:
    assert json.loads(await unary(channel, "describe")(b""))["task"]


@pytest.mark.parametrize("request_", [b"", b"wait"])
async def test_context_variables_stay_within_a_call(channel: Any, request_: bytes) -> None:
    for _ in range(3):
        assert json.loads(await unary(channel, "stain")(request_)) == ["nothing", "stained"]
    assert json.loads(await unary(channel, "describe")(b""))["seen"] == "nothing"


async def test_a_timeout_within_a_handler_is_its_own(channel: Any) -> None:
    for _ in range(3):
        assert await unary(channel, "time_out")(b"") == b"timed out"


async def test_a_code_that_is_set_keeps_the_reply_back(channel: Any) -> None:
    error = await failure(unary(channel, "code_and_reply")(b"gone"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "gone"
    assert custom(error.trailing_metadata()) == [("why", "because")]


@pytest.mark.parametrize(
    "details", ["", "plain", "50% \N{SNOWMAN} \t\n\x00 end", "\N{GRINNING FACE}" * 100]
)
async def test_details_survive_whatever_they_are(channel: Any, details: str) -> None:
    error = await failure(unary(channel, "abort")(details.encode()))
    assert error.code() is grpc.StatusCode.ABORTED
    assert error.details() == details


async def test_abort_adds_its_trailers_to_those_that_were_set(channel: Any) -> None:
    error = await failure(unary(channel, "abort")(b"x"))
    assert ("given", "with") in custom(error.trailing_metadata())


async def test_abort_holds_whatever_the_handler_makes_of_its_exception(channel: Any) -> None:
    error = await failure(unary(channel, "abort_and_go_on")(b""))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == "first"


async def test_nothing_is_sent_after_an_abort(channel: Any) -> None:
    received: list[bytes] = []
    with pytest.raises(AioRpcError) as caught:
        await collect(channel.unary_stream(f"/{SERVICE}/abort_and_stream_on")(b""), received)
    assert received == [b"allowed"]
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_abort_without_details_keeps_those_that_were_set(channel: Any) -> None:
    assert (await failure(unary(channel, "set_details_and_abort")(b""))).details() == "set before"


async def test_abort_with_status(channel: Any) -> None:
    error = await failure(unary(channel, "abort_with_status")(b""))
    assert error.code() is grpc.StatusCode.DATA_LOSS
    assert error.details() == "by a status"
    assert custom(error.trailing_metadata()) == [("rich-bin", b"\x00\x01")]


async def test_initial_metadata_comes_before_a_failure(channel: Any) -> None:
    call = unary(channel, "initial_then_fail")(b"")
    assert (await failure(call)).details() == "afterwards"
    assert custom(await call.initial_metadata()) == [("first", "1"), ("first-bin", b"\xff")]


async def test_initial_metadata_is_sent_once(channel: Any, transport: str) -> None:
    if transport == "in_process":
        return  # what is sent there is only kept
    assert await unary(channel, "initial_twice")(b"") == b"refused"


async def test_a_client_that_gives_up_cancels_the_handler(channel: Any, record: Any) -> None:
    call = unary(channel, "sleep")(b"")
    async with asyncio.timeout(WAIT_S):
        await record.began.wait()
        call.cancel()
        await record.cancelled.wait()
        await record.done.wait()


async def test_a_thread_that_waits_for_messages_is_told_that_the_client_is_gone(
    channel: Any, record: Any
) -> None:
    async def open_ended() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    call = channel.stream_unary(f"/{SERVICE}/collect_in_thread")(open_ended())
    assert await asyncio.to_thread(record.reading.wait, WAIT_S)
    call.cancel()
    assert await asyncio.to_thread(record.left.wait, WAIT_S)


async def test_an_expired_deadline_cancels_the_handler(channel: Any, record: Any) -> None:
    # A short one may pass before the call has come to its handler.
    for timeout_s in (0.05, 0.5, WAIT_S / 2):
        error = await failure(unary(channel, "sleep")(b"", timeout=timeout_s))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        if record.began.is_set():
            break
    async with asyncio.timeout(WAIT_S):
        await record.cancelled.wait()
        await record.done.wait()


async def test_a_finished_call_tells_who_asked(channel: Any, record: Any) -> None:
    assert await unary(channel, "echo")(b"hello") == b"hello"
    async with asyncio.timeout(WAIT_S):
        await record.done.wait()


@pytest.mark.parametrize("size", [0, 1, 16_379, 65_530, 65_536, 3 * MIB])
async def test_messages_of_all_sizes(channel: Any, size: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert await unary(channel, "echo")(body) == body


async def test_a_message_over_the_limit_is_refused(channel: Any, transport: str) -> None:
    if transport == "in_process":
        return  # nothing is carried there
    error = await failure(unary(channel, "echo")(bytes(4 * MIB + 1)))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max (4194305 vs. 4194304)" in error.details()


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("name", ["echo", "compress"])
async def test_compressed_messages(channel: Any, name: str, compression: Any) -> None:
    body = b"a" * 100_000
    assert await unary(channel, name)(body, compression=compression) == body


async def test_a_bomb_is_refused(channel: Any, transport: str) -> None:
    if transport == "in_process":
        return  # nothing is compressed there
    call = unary(channel, "echo")(bytes(64 * MIB), compression=grpc.Compression.Gzip)
    assert (await failure(call)).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(("count", "size"), [(0, 0), (3, 0), (1_000, 100), (10, MIB)])
async def test_a_server_streams(channel: Any, count: int, size: int) -> None:
    call = channel.unary_stream(f"/{SERVICE}/expand")(json.dumps([count, size]).encode())
    received = [(len(message), message[:1]) async for message in call]
    assert received == [(size, bytes([index % 256])[:size]) for index in range(count)]


@pytest.mark.parametrize(("count", "size"), [(0, 0), (3, 0), (1_000, 100), (10, MIB)])
async def test_a_client_streams(channel: Any, count: int, size: int) -> None:
    call = channel.stream_unary(f"/{SERVICE}/collect")
    assert json.loads(await call(each(*[bytes(size)] * count))) == [size] * count


async def test_a_slow_reader_stops_a_fast_writer(channel: Any, record: Any) -> None:
    call = channel.unary_stream(f"/{SERVICE}/expand")(json.dumps([100_000, 10_000]).encode())
    async for _ in call:
        break
    written = -1
    async with asyncio.timeout(WAIT_S):
        while written != record.written:
            written = record.written
            await asyncio.sleep(0.2)
    assert written < 10_000
    call.cancel()
    async with asyncio.timeout(WAIT_S):
        await record.cancelled.wait()


async def test_a_reply_may_come_before_the_request_has_ended(channel: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"more"
            await asyncio.sleep(0.001)

    call = channel.stream_unary(f"/{SERVICE}/leave_early")
    async with asyncio.timeout(WAIT_S):
        assert await call(endless()) == b"more"


async def test_both_sides_take_turns(channel: Any) -> None:
    turn = asyncio.Event()

    async def polite() -> AsyncIterator[bytes]:
        for word in (b"one", b"two", b"three"):
            yield word
            await turn.wait()
            turn.clear()

    received = []
    call = channel.stream_stream(f"/{SERVICE}/converse")(polite())
    async with asyncio.timeout(WAIT_S):
        async for message in call:
            received.append(message)
            turn.set()
    assert received == [b"eno", b"owt", b"eerht"]
    assert custom(await call.trailing_metadata()) == [("said", "goodbye")]


async def test_a_stream_may_fail_in_its_middle(channel: Any) -> None:
    async def open_ended() -> AsyncIterator[bytes]:
        for message in (b"a", b"b", b"fail"):
            yield message
        # What a client sends while its call is ended may give it another error than the status.
        await asyncio.Event().wait()

    call = channel.stream_stream(f"/{SERVICE}/fail_after")(open_ended())
    received: list[bytes] = []
    with pytest.raises(AioRpcError) as caught:
        await collect(call, received)
    assert received == [b"a", b"b"]
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_many_large_calls_at_once_complete(channel: Any) -> None:
    body = bytes(271_828)
    sizes = await asyncio.gather(*(unary(channel, "echo")(body) for _ in range(200)))
    assert {len(size) for size in sizes} == {271_828}
