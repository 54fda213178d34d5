"""A connection that is driven by bytes alone."""

import asyncio
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from blrcs_native.guards.guard import Guard
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import (
    ECHO,
    STREAM,
    Open,
    body_of,
    never,
    of_kind,
    status_of,
    turns,
)
from tests.unit.native.http2.frames import call, data, message, request, reset, window_update

# Replies ------------------------------------------------------------------------------------------


async def test_a_handler_that_never_waits_is_answered_in_the_step_of_its_bytes(
    endpoint: Open,
) -> None:
    server = endpoint()
    server.receive(call(1, ECHO, b"hello"))
    answer = server.take()
    assert body_of(answer) == message(b"hello")
    assert status_of(answer) == "0"
    assert server.connection.open_streams == 0


async def test_calls_beyond_the_most_at_once_are_refused(endpoint: Open) -> None:
    server = endpoint(max_calls=1)
    assert status_of(await server.answer(call(1, b"/e/Never", b""))) is None
    assert status_of(await server.answer(call(3, ECHO, b"")), 3) == "8"
    await server.answer(reset(1))
    assert status_of(await server.answer(call(5, ECHO, b"")), 5) == "0"


async def test_calls_that_wait_for_their_request_take_no_place_from_others(
    endpoint: Open,
) -> None:
    server = endpoint(max_calls=1)
    await server.answer(request(1, ECHO) + request(3, ECHO))
    assert status_of(await server.answer(call(5, ECHO, b"")), 5) == "0"
    await server.answer(call(7, b"/e/Never", b""))
    late = data(1, message(b""), end=True)
    assert status_of(await server.answer(late), 1) == "8"


class Counting(Guard):
    """Admits all, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__("rate_limit")
        self.asked = 0

    def check(self, call: Call) -> None:
        del call
        self.asked += 1


async def test_no_guard_is_asked_of_a_call_that_the_transport_refuses(endpoint: Open) -> None:
    guard = Counting()
    server = endpoint(guards=[guard])
    refused = call(1, ECHO, b"", (b"grpc-encoding", b"unknown"))
    assert status_of(await server.answer(refused)) == "12"
    assert guard.asked == 0
    assert status_of(await server.answer(call(3, ECHO, b"")), 3) == "0"
    assert guard.asked == 1


async def test_bytes_may_come_one_by_one(endpoint: Open) -> None:
    server = endpoint(greet=False)
    for octet in frames.PREFACE + frames.settings() + call(1, ECHO, b"hello"):
        assert server.receive(bytes([octet]))
    assert body_of(server.take()) == message(b"hello")


async def test_a_reply_that_is_larger_than_the_window_waits_for_it(endpoint: Open) -> None:
    server = endpoint()
    body = bytes(100_000)
    server.receive(request(1, ECHO) + data(1, message(body)[:60_000]))
    answer = server.take()
    server.receive(data(1, message(body)[60_000:], end=True))
    answer += server.take()
    assert len(body_of(answer)) == 65_535
    assert status_of(answer) is None
    server.receive(window_update(1, 100_000) + window_update(0, 100_000))
    answer += server.take()
    assert body_of(answer) == message(body)
    assert status_of(answer) == "0"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request(1, ECHO, content_type=b"text/plain"), "415"),
        (request(1, ECHO, content_type=b"application/grpcx"), "415"),
        (request(1, ECHO, content_type=None), "415"),
        (request(1, ECHO, method=b"GET"), "405"),
        (request(1, ECHO, method=b"PUT"), "405"),
    ],
)
async def test_what_is_not_grpc_is_answered_as_http_does(
    endpoint: Open, head: bytes, status: str
) -> None:
    answer = await endpoint().answer(head + data(1, message(b""), end=True))
    (reply,) = of_kind(answer, frames.HEADERS)
    assert reply.fields[":status"] == status
    assert reply.ends_stream


@pytest.mark.parametrize(
    "content_type", [b"application/grpc", b"application/grpc+proto", b"application/grpc;charset=x"]
)
async def test_the_format_behind_the_content_type_is_free(
    endpoint: Open, content_type: bytes
) -> None:
    head = request(1, ECHO, content_type=content_type)
    assert status_of(await endpoint().answer(head + data(1, message(b"")))) is None
    assert status_of(await endpoint().answer(head + data(1, message(b""), end=True))) == "0"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        (call(1, b"/e/None"), "12"),
        (call(1, b"/e/Echo?x=1"), "12"),
        (call(1, b"/e/Echo/"), "12"),
        (call(1, b"//e/Echo"), "12"),
        (call(1, b"/e/\xff"), "12"),
        (call(1, ECHO, b"", (b"grpc-timeout", b"1X")), "13"),
        (call(1, ECHO, b"", (b"grpc-timeout", b"123456789S")), "13"),
        (call(1, ECHO, b"", (b"grpc-encoding", b"br")), "12"),
        (call(1, ECHO, b"", (b"x-bin", b"*")), "13"),
        (request(1, ECHO) + data(1, b"", end=True), "12"),
        (request(1, ECHO) + data(1, message(b"a") + message(b"b"), end=True), "12"),
        (request(1, ECHO) + data(1, b"\0\0\0", end=True), "13"),
        (request(1, ECHO) + data(1, message(b"abc")[:-1], end=True), "13"),
        (request(1, ECHO) + data(1, message(b"x", flag=1), end=True), "13"),
        (request(1, ECHO) + data(1, message(b"x", flag=2), end=True), "13"),
        (request(1, ECHO, (b"grpc-encoding", b"gzip")) + data(1, message(b"x", 1), end=True), "13"),
        (request(1, ECHO, te=None) + data(1, message(b""), end=True), "0"),
        (request(1, ECHO, te=b"gzip") + data(1, message(b""), end=True), None),
    ],
)
async def test_what_grpc_does_not_allow_has_its_status(
    endpoint: Open, changed: bytes, status: str | None
) -> None:
    server = endpoint()
    assert status_of(await server.answer(changed)) == status
    assert status_of(await server.answer(call(3, ECHO)), 3) == "0"
    assert server.unexpected == []


@pytest.mark.parametrize("path", [b"e/Echo", b"", b"*", b"\xff", b"http://h/e/Echo"])
async def test_a_path_without_a_leading_slash_reaches_no_method(
    endpoint: Open, path: bytes
) -> None:
    server = endpoint()
    assert status_of(await server.answer(call(1, path))) in {None, "12"}
    assert status_of(await server.answer(call(3, ECHO)), 3) == "0"


async def test_an_unknown_encoding_is_told_what_is_known(endpoint: Open) -> None:
    answer = await endpoint().answer(call(1, ECHO, b"", (b"grpc-encoding", b"br")))
    (reply,) = of_kind(answer, frames.HEADERS)
    assert reply.fields["grpc-accept-encoding"] == "identity,deflate,gzip"


async def test_a_reply_before_the_end_of_the_request_asks_for_no_more(endpoint: Open) -> None:
    async def early(_: Any, call: Call) -> None:
        await call.write(b"early")

    answer = await endpoint({"/e/Stream": early}).answer(request(1, STREAM))
    assert status_of(answer) == "0"
    (ended,) = of_kind(answer, frames.RST_STREAM)
    assert ended.code == frames.NO_ERROR


# Tasks --------------------------------------------------------------------------------------------


async def test_between_calls_that_come_together_no_task_is_the_current_one(
    endpoint: Open,
) -> None:
    seen: list[Any] = []

    class Looking(Guard):
        def check(self, call: Call) -> None:
            seen.append(asyncio.current_task())

    async def looking(body: bytes, _: Call) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        assert task is not outer
        seen.append("handled")
        return body

    async def waiting(body: bytes, _: Call) -> bytes:
        task = asyncio.current_task()
        await asyncio.get_running_loop().run_in_executor(None, int)
        assert asyncio.current_task() is task
        return body

    outer = asyncio.current_task()
    handlers = {"/e/Echo": looking, "/e/Wait": waiting}
    server = endpoint(handlers, guards=[Looking("limits")])
    taken: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def receive() -> None:
        server.receive(call(1, ECHO) + call(3, b"/e/Wait") + call(5, ECHO) + call(7, ECHO))
        seen.append(asyncio.current_task())
        taken.set_result(server.take())

    asyncio.get_running_loop().call_soon(receive)
    answer = await taken
    assert seen == [None, "handled", None, None, "handled", None, "handled", None]
    while status_of(answer, 3) is None:
        answer += await server.answer(b"")
        await asyncio.sleep(0)
    assert [status_of(answer, stream) for stream in (1, 3, 5, 7)] == ["0"] * 4


# Ends ---------------------------------------------------------------------------------------------


async def test_a_reset_cancels_the_handler(endpoint: Open) -> None:
    ended: list[BaseException] = []

    async def waiting(_: bytes, call: Call) -> bytes:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            ended.append(error)
            assert call.cancelled()
            raise
        return b""

    server = endpoint({"/e/Wait": waiting})
    await server.answer(call(1, b"/e/Wait"))
    assert server.dispatcher.running == 1
    await server.answer(reset(1))
    assert [type(error) for error in ended] == [asyncio.CancelledError]
    assert server.dispatcher.running == 0
    assert server.unexpected == []


async def test_what_is_written_is_sent_whether_it_is_awaited_or_not(endpoint: Open) -> None:
    async def hasty(_: Any, call: Call) -> None:
        _ = call.write(b"one")
        _ = call.write(b"two")
        await never(b"", call)

    server = endpoint({"/e/Stream": hasty})
    server.receive(request(1, STREAM))
    assert body_of(server.take()) == message(b"one") + message(b"two")


async def test_a_handler_that_goes_on_after_a_reset_can_neither_read_nor_write(
    endpoint: Open,
) -> None:
    errors: list[type[BaseException]] = []

    async def stubborn(_: Any, call: Call) -> None:
        for action in (call.read, lambda: call.write(b"x"), call.read):
            try:
                await action()
            except BaseException as error:  # noqa: BLE001 - a handler that nothing stops
                errors.append(type(error))

    server = endpoint({"/e/Stream": stubborn})
    await server.answer(request(1, STREAM))
    await server.answer(reset(1))
    assert errors == [asyncio.CancelledError] * 3
    assert server.dispatcher.running == 0


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [(b"identity, gzip", "gzip"), (b"identity", None), (b"," * 1_000 + b"gzip", None)],
)
async def test_a_reply_is_encoded_as_the_client_accepts(
    endpoint: Open, accepted: bytes, encoding: str | None
) -> None:
    async def compress(_: bytes, call: Call) -> bytes:
        call.set_compression(2)
        return bytes(1_000)

    answer = await endpoint({"/e/Compress": compress}).answer(
        call(1, b"/e/Compress", b"", (b"grpc-accept-encoding", accepted))
    )
    (head, *_) = of_kind(answer, frames.HEADERS)
    assert head.fields.get("grpc-encoding") == encoding
    assert status_of(answer) == "0"


async def test_a_deadline_that_has_passed_is_answered(endpoint: Open) -> None:
    server = endpoint()
    answer = await server.answer(call(1, b"/e/Never", b"", (b"grpc-timeout", b"1m")))
    while status_of(answer) is None:
        await asyncio.sleep(0.001)
        answer += server.take()
    assert status_of(answer) == "4"
    await turns()
    assert server.dispatcher.running == 0


@pytest.mark.parametrize("given", [b"0S", b"0n", b"1n"])
async def test_a_call_that_comes_too_late_does_not_reach_its_handler(
    endpoint: Open, given: bytes
) -> None:
    reached: list[bytes] = []

    async def note(body: bytes, _: Call) -> bytes:
        reached.append(body)
        return body

    server = endpoint({"/e/Note": note})
    assert status_of(await server.answer(call(1, b"/e/Note", b"", (b"grpc-timeout", given)))) == "4"
    assert reached == []


async def test_a_client_that_is_gone_cancels_all(endpoint: Open) -> None:
    server = endpoint()
    await server.answer(b"".join(call(stream, b"/e/Never") for stream in range(1, 21, 2)))
    assert server.dispatcher.running == 10
    server.connection.close()
    await turns()
    assert server.dispatcher.running == 0
    assert server.connection.open_streams == 0


async def test_nothing_is_sent_once_the_client_is_gone(endpoint: Open) -> None:
    server = endpoint()
    server.receive(window_update(0, 1 << 20) + call(1, ECHO, bytes(50_000)))
    server.connection.close()
    assert server.connection.take() == b""


async def test_a_call_that_was_reset_still_counts_until_its_handler_ends(endpoint: Open) -> None:
    release = asyncio.Event()

    async def stubborn(_: bytes, call: Call) -> bytes:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return b""

    server = endpoint({"/e/Stubborn": stubborn}, max_streams=2)
    for stream in (1, 3):
        await server.answer(call(stream, b"/e/Stubborn"))
        await server.answer(reset(stream))
    refused = of_kind(await server.answer(call(5, ECHO)), frames.RST_STREAM)
    assert [each.code for each in refused] == [frames.REFUSED_STREAM]
    assert server.counted == {"stream_limit": 1}
    release.set()
    await turns()
    assert status_of(await server.answer(call(7, ECHO)), 7) == "0"


async def test_handlers_of_calls_that_the_server_reset_end_with_the_connection(
    endpoint: Open,
) -> None:
    server = endpoint()
    overflow = window_update(1, frames.MAX_WINDOW_BYTES)
    server.receive(call(1, b"/e/Never") + overflow)
    server.take()
    server.connection.close()
    await turns()
    assert server.dispatcher.running == 0


async def test_a_handler_may_be_begun_by_bytes_that_a_task_brings(endpoint: Open) -> None:
    async def waits(body: bytes, _: Call) -> bytes:
        await asyncio.sleep(0)
        return body

    server = endpoint({"/e/Waits": waits})
    for stream in (1, 3, 5):
        assert status_of(await server.answer(call(stream, b"/e/Waits")), stream) == "0"
