"""What is written as it was encoded before says the same to a client that keeps its table."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import hpack
import pytest

from blrcs_native.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of

HEAD = {
    ":status": "200",
    "content-type": "application/grpc",
    "grpc-accept-encoding": "identity,deflate,gzip",
}
TRAILERS = {"grpc-status": "0"}
# Settings (RFC 9113, section 6.5.2).
TABLE_SIZE = 1
INITIAL_WINDOW_SIZE = 4
WARM = 4


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def telling(body: bytes, call: Call) -> bytes:
    await call.send_initial_metadata((("x-first", body.decode()),))
    call.set_trailing_metadata((("x-last", body.decode()),))
    return body


async def failing(_: bytes, call: Call) -> bytes:
    call.set_code(5)
    call.set_details("not here")
    return b""


class Replying:
    """A handler of streams that goes on when it is let."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, _: Any, call: Call) -> None:
        await call.write(b"one")
        await self.go_on.wait()


class Server:
    def __init__(self) -> None:
        self.replying = Replying()
        self.endpoint = Endpoint(
            {"/e/Echo": echo, "/e/Tell": telling, "/e/Fail": failing, "/e/Stream": self.replying}
        )
        self._stream = -1

    async def call(self, path: bytes = b"/e/Echo", body: bytes = b"hi") -> list[frames.Frame]:
        self._stream += 2
        answer = await self.endpoint.answer(frames.call(self._stream, path, body))
        assert all(each.stream == self._stream for each in answer)
        return answer

    async def warm(self) -> None:
        """Until the usual reply is known."""
        for _ in range(WARM):
            assert_usual(await self.call())


def assert_usual(answer: list[frames.Frame], body: bytes = b"hi") -> None:
    head, message, trailers = answer
    assert [each.kind for each in answer] == [frames.HEADERS, frames.DATA, frames.HEADERS]
    assert [each.ends_stream for each in answer] == [False, False, True]
    assert head.fields == HEAD
    assert message.payload == frames.message(body)
    assert trailers.fields == TRAILERS


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    yield made
    made.endpoint.close()


async def test_all_replies_are_the_same(server: Server) -> None:
    answers = [await server.call() for _ in range(6)]
    for answer in answers:
        assert_usual(answer)
    assert len({answer[0].payload for answer in answers[1:]}) == 1
    assert len({answer[2].payload for answer in answers[1:]}) == 1
    assert len(answers[-1][0].payload) == len(HEAD)


async def test_other_replies_between_them_are_what_they_are(server: Server) -> None:
    for number in range(12):
        await server.warm()
        text = b"%d" % number
        head, *_, trailers = await server.call(b"/e/Tell", text)
        assert head.fields == HEAD | {"x-first": text.decode()}
        assert trailers.fields == TRAILERS | {"x-last": text.decode()}
        assert_usual(await server.call())
        failed = await server.call(b"/e/Fail")
        assert failed[-1].fields | HEAD == HEAD | {
            "grpc-status": "5",
            "grpc-message": "not here",
        }


@pytest.mark.parametrize("size", [0, 60, 100, 4096])
@pytest.mark.parametrize("is_pending", [False, True])
async def test_a_client_may_change_the_size_of_its_table(
    server: Server, size: int, is_pending: bool
) -> None:
    """hpack raises where it is not told, or where a field is not in the table any more."""
    await server.warm()
    decoder: hpack.Decoder = server.endpoint._reader._decoder
    told = frames.settings((TABLE_SIZE, size))
    if is_pending:
        # The reply is there, and not taken, when the change comes: it is older than its answer.
        server.endpoint.receive(frames.call(101, b"/e/Echo", b"hi"))
        server.endpoint.receive(told)
        *answer, acknowledged = server.endpoint.take()
        assert (acknowledged.kind, acknowledged.flags) == (frames.SETTINGS, frames.ACK)
        decoder.max_allowed_table_size = size
    else:
        server.endpoint.receive(told)
        server.endpoint.receive(frames.call(101, b"/e/Echo", b"hi"))
        decoder.max_allowed_table_size = size
        acknowledged, *answer = server.endpoint.take()
    assert {each.stream for each in answer} == {101}
    assert_usual(answer)
    server._stream = 101
    await server.warm()


@pytest.mark.parametrize("size", [0, 60, 100, 4096])
async def test_a_reply_that_is_begun_is_encoded_for_the_table_that_is_agreed_on_then(
    server: Server, size: int
) -> None:
    await server.warm()
    server.endpoint.receive(frames.call(101, b"/e/Tell", b"hi"))
    server.endpoint.receive(frames.settings((TABLE_SIZE, size)))
    server.endpoint._reader._decoder.max_allowed_table_size = size
    answer = [each for each in server.endpoint.take() if each.stream == 101]
    assert answer[0].fields == HEAD | {"x-first": "hi"}
    assert answer[-1].fields == TRAILERS | {"x-last": "hi"}
    server._stream = 101
    await server.warm()


async def test_a_stream_that_ends_with_nothing_left_to_send_has_its_status(server: Server) -> None:
    await server.warm()
    begun = await server.endpoint.answer(
        frames.request(101, b"/e/Stream") + frames.data(101, b"", end=True)
    )
    assert [each.kind for each in begun] == [frames.HEADERS, frames.DATA]
    assert begun[0].fields == HEAD
    server.replying.go_on.set()
    (trailers,) = await server.endpoint.answer(b"")
    assert trailers.fields == TRAILERS
    assert trailers.ends_stream


async def test_a_status_behind_a_change_of_the_table_is_told_of_it(server: Server) -> None:
    await server.warm()
    await server.endpoint.answer(
        frames.request(101, b"/e/Stream") + frames.data(101, b"", end=True)
    )
    await server.endpoint.answer(frames.settings((TABLE_SIZE, 0)))
    server.endpoint._reader._decoder.max_allowed_table_size = 0
    server.replying.go_on.set()
    (trailers,) = await server.endpoint.answer(b"")
    assert trailers.fields == TRAILERS
    assert trailers.payload[0] == 0x20  # the new size of the table, before all else


async def test_a_reply_that_does_not_wait_for_the_request_resets_it(server: Server) -> None:
    await server.warm()
    server.replying.go_on.set()
    answer = await server.endpoint.answer(frames.request(101, b"/e/Stream"))
    assert [each.kind for each in answer][-2:] == [frames.HEADERS, frames.RST_STREAM]
    assert answer[-2].fields == TRAILERS
    assert answer[-1].code == 0


async def test_the_status_waits_for_the_window_as_the_message_does(server: Server) -> None:
    server.endpoint.receive(frames.settings((INITIAL_WINDOW_SIZE, 100)))
    server.endpoint.take()
    await server.warm()
    body = bytes(1000)
    answer = await server.endpoint.answer(frames.call(101, b"/e/Echo", body))
    assert status_of(answer, 101) is None
    answer += await server.endpoint.answer(frames.window_update(101, 2000))
    assert body_of(answer, 101) == frames.message(body)
    assert answer[-1].fields == TRAILERS
    assert not any(each.ends_stream for each in of_kind(answer, frames.DATA))
