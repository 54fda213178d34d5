"""What comes as a whole is as if each octet had come alone: nghttp2 sees those, and judges them.

Octets that come one by one never show a frame as a whole, so that nothing is hidden from nghttp2.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of
from tests.unit.native.http2.frames import (
    DATA,
    FLOW_CONTROL_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    block,
    call,
    data,
    frame,
    head,
    message,
    ping,
    request_fields,
    reset,
    settings,
    window_update,
)
from tests.unit.native.http2.whole_scenarios import (
    BODY,
    ECHO,
    FIRST,
    HEAD,
    SCENARIOS,
    STATED,
    WARM,
    ended_apart,
    heads_first,
    whole,
)

CONNECTION_WINDOW_BYTES = 16 << 20


async def failing(_: bytes, call: Call) -> bytes:
    call.set_code(5)
    return b""


class Client:
    """A client whose heads are known."""

    def __init__(self, *, is_cut: bool = False, **limits: Any) -> None:
        self.is_cut = is_cut
        self.started: list[Call] = []
        self.go_on = asyncio.Event()
        self.server = Endpoint(
            {
                "/e/Echo": self._echo,
                "/e/Fail": failing,
                "/e/Wait": self._wait,
                "/e/Stream": self._write,
                "/e/BegunStream": self._write_on,
            },
            **limits,
        )
        self.answer: list[frames.Frame] = []
        self.send(settings(flags=frames.ACK))
        for number in range(1, FIRST, 2):
            self.send(call(number, ECHO, b"hi"))

    async def _echo(self, body: bytes, call: Call) -> bytes:
        self.started.append(call)
        return body

    async def _wait(self, body: bytes, call: Call) -> bytes:
        self.started.append(call)
        await self.go_on.wait()
        return body

    async def _write(self, _: Any, call: Call) -> None:
        await self.go_on.wait()
        for _ in range(4):
            await call.write(bytes(10_000))

    async def _write_on(self, _: Any, call: Call) -> None:
        await call.write(b"")
        await self._write(_, call)

    def send(self, octets: bytes) -> list[frames.Frame]:
        pieces: Iterable[bytes] = (octets,)
        if self.is_cut:
            pieces = (octets[at : at + 1] for at in range(len(octets)))
        for piece in pieces:
            if not self.server.receive(piece):
                break
        taken = self.server.take()
        self.answer += taken
        return taken

    async def later(self, octets: bytes = b"") -> list[frames.Frame]:
        """What comes of it in the next turns too."""
        self.send(octets)
        self.answer += await self.server.answer(b"")
        return self.answer

    @property
    def hidden(self) -> tuple[int, int]:
        return self.server.connection.hidden_calls

    def sent_bytes(self) -> int:
        return sum(len(each.payload) for each in of_kind(self.answer, DATA))

    def close(self) -> None:
        self.server.close()


Open = Callable[..., Client]


@pytest.fixture
async def client() -> AsyncIterator[Open]:
    opened: list[Client] = []

    def open_client(**limits: Any) -> Client:
        opened.append(Client(**limits))
        return opened[-1]

    yield open_client
    for each in opened:
        each.close()


def outcome(answer: Sequence[frames.Frame]) -> dict[int, list[tuple[object, ...]]]:
    """What each stream, and the connection, is told; what DATA is cut into does not matter."""
    told: dict[int, list[tuple[object, ...]]] = {}
    for each in answer:
        shown = told.setdefault(each.stream, [])
        if each.kind == HEADERS:
            shown.append((HEADERS, tuple(each.fields.items()), each.ends_stream))
        elif each.kind == DATA:
            shown.append((DATA, each.payload, each.ends_stream))
        elif each.kind in {RST_STREAM, GOAWAY}:
            shown.append((each.kind, each.payload))
        elif each.kind != WINDOW_UPDATE or each.stream:
            shown.append((each.kind, each.flags, each.payload))
    return told


async def test_a_call_that_comes_as_a_whole_is_hidden(client: Open) -> None:
    server = client()
    answer = server.send(whole(FIRST))
    assert server.hidden == (0, FIRST)
    assert status_of(answer, FIRST) == "0"
    assert body_of(answer, FIRST) == BODY
    server.send(heads_first(FIRST + 2, FIRST + 4))
    assert server.hidden == (0, FIRST + 4)
    server.send(ping())
    assert server.hidden == (0, 0)


async def test_a_call_whose_end_is_a_frame_of_its_own_is_hidden(client: Open) -> None:
    server = client()
    answer = server.send(ended_apart(FIRST, FIRST + 2))
    assert server.hidden == (0, FIRST + 2)
    assert [body_of(answer, number) for number in (FIRST, FIRST + 2)] == [BODY, BODY]
    octets = ended_apart(FIRST + 4)
    server.send(octets[: -frames.HEAD_BYTES])
    assert server.hidden == (0, 0)
    assert body_of(server.send(octets[-frames.HEAD_BYTES :]), FIRST + 4) == BODY


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_comes_as_a_whole_is_answered_as_what_comes_in_octets(
    client: Open, name: str
) -> None:
    sent = SCENARIOS[name]
    server, other = client(), client(is_cut=True)
    for each in (server, other):
        each.send(sent)
        each.send(whole(FIRST + 100))
    assert outcome(server.answer) == outcome(other.answer)
    assert server.server.counted == other.server.counted
    assert server.server.connection.open_streams == other.server.connection.open_streams


@pytest.mark.parametrize(
    "name",
    [
        "whole calls",
        "heads first",
        "padding",
        "several frames",
        "an empty frame at the end of each",
    ],
)
async def test_frames_may_be_cut_anywhere(client: Open, name: str) -> None:
    sent = SCENARIOS[name] + ping() + whole(FIRST + 100)
    other = client(is_cut=True)
    other.send(sent)
    for at in range(len(sent)):
        server = client()
        server.send(sent[:at])
        server.send(sent[at:])
        assert outcome(server.answer) == outcome(other.answer), at


# Windows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", [b"", ping()])
async def test_a_client_that_overruns_the_window_of_a_call_is_told(
    client: Open, between: bytes
) -> None:
    server = client(window_bytes=1_024)
    for number in range(FIRST, FIRST + 20, 2):
        server.send(head(number, HEAD) + between + data(number, message(bytes(1_019)), end=True))
        assert status_of(server.answer, number) == "0"
    server.send(
        head(FIRST + 20, HEAD) + between + data(FIRST + 20, message(bytes(1_020)), end=True)
    )
    codes = [each.code for each in server.answer if each.kind in {RST_STREAM, GOAWAY}]
    assert codes[:1] == [FLOW_CONTROL_ERROR]
    assert status_of(server.answer, FIRST + 20) is None


async def test_the_window_of_the_connection_is_given_back_to_the_octet(client: Open) -> None:
    """As nghttp2 does that sees each call, as those whose heads come in parts."""
    told = []
    for cut_at in (0, 5):
        server = client()
        for number in range(FIRST, FIRST + 2 * CONNECTION_WINDOW_BYTES // 16_000, 2):
            octets = whole(number, body=bytes(16_000))
            server.server.receive(octets[:cut_at])
            server.send(octets[cut_at:])
            assert server.hidden == (0, 0 if cut_at else number)
            server.send(window_update(0, 16_005))
        updates = of_kind(server.answer, WINDOW_UPDATE, 0)
        told.append([int.from_bytes(each.payload) for each in updates])
    assert told[0] == told[1]
    assert told[0] == [pytest.approx(CONNECTION_WINDOW_BYTES // 2, abs=16_005)]


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("between", [b"", ping()])
async def test_replies_keep_to_the_window_of_the_connection(
    client: Open, is_cut: bool, between: bytes
) -> None:
    server = client(is_cut=is_cut)
    for number in range(FIRST, FIRST + 160, 2):
        server.send(whole(number, body=bytes(1_000)) + between)
    assert server.sent_bytes() == 65_535
    server.send(window_update(0, 1_000))
    assert server.sent_bytes() == 66_535
    server.send(window_update(0, 1 << 20))
    assert server.sent_bytes() == WARM * len(BODY) + 80 * 1_005
    assert all(status_of(server.answer, number) == "0" for number in range(1, FIRST + 160, 2))


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize("path", [b"/e/Stream", b"/e/BegunStream"])
async def test_streams_beside_them_keep_to_what_they_have_left(
    client: Open, is_cut: bool, path: bytes
) -> None:
    server = client(is_cut=is_cut)
    await server.later(head(FIRST, block(request_fields(path))))
    begun = server.sent_bytes()
    server.send(whole(*range(FIRST + 2, FIRST + 62, 2), body=bytes(1_000)))
    assert server.sent_bytes() == begun + 30 * 1_005
    server.go_on.set()
    await server.later()
    server.send(whole(FIRST + 62, body=bytes(1_000)))
    assert server.sent_bytes() == 65_535
    await server.later(window_update(0, 1 << 20))
    assert server.sent_bytes() == begun + 31 * 1_005 + 4 * 10_005
    assert status_of(server.answer, FIRST) == "0"
    assert status_of(server.answer, FIRST + 62) == "0"


@pytest.mark.parametrize("is_cut", [False, True])
async def test_replies_keep_to_the_windows_that_a_client_gives_calls(
    client: Open, is_cut: bool
) -> None:
    server = client(is_cut=is_cut)
    server.send(whole(FIRST, FIRST + 2) + settings((INITIAL_WINDOW_SIZE, 20)))
    server.send(whole(FIRST + 4, body=bytes(15)) + whole(FIRST + 6, body=bytes(16)))
    assert status_of(server.answer, FIRST + 4) == "0"
    assert len(body_of(server.answer, FIRST + 6)) == 20
    assert status_of(server.answer, FIRST + 6) is None
    # One call for all that have ended has no more than one window.
    server.send(whole(*range(FIRST + 8, FIRST + 28, 2), body=bytes(10)) + ping())
    assert all(
        status_of(server.answer, number) == "0" for number in range(FIRST + 8, FIRST + 28, 2)
    )
    server.send(window_update(FIRST + 6, 1))
    assert status_of(server.answer, FIRST + 6) == "0"


# Calls that are open ------------------------------------------------------------------------------


async def test_a_hidden_call_that_waits_is_answered_later(client: Open) -> None:
    server = client()
    for number in (FIRST, FIRST + 2, FIRST + 4, FIRST + 6):
        server.send(whole(number, path=b"/e/Wait"))
    assert server.hidden[0] > 0
    server.go_on.set()
    await server.later()
    assert all(status_of(server.answer, number) == "0" for number in range(FIRST, FIRST + 8, 2))
    assert server.hidden == (0, FIRST + 6)


async def waiting_client(client: Open, **limits: Any) -> Client:
    """With two hidden calls that wait, the first of which is the last but one."""
    server = client(**limits)
    for number in range(FIRST, FIRST + 10, 2):
        server.send(whole(number, path=b"/e/Wait"))
    assert server.hidden == (3, 0)
    return server


async def test_a_hidden_call_can_be_cancelled(client: Open) -> None:
    server = await waiting_client(client)
    await server.later(reset(FIRST + 6))
    assert server.hidden == (0, 0)
    assert [each.cancelled() for each in server.started[WARM:]] == [False] * 3 + [True, False]
    server.go_on.set()
    await server.later()
    assert status_of(server.answer, FIRST + 6) is None
    assert status_of(server.answer, FIRST + 8) == "0"


async def test_a_reset_behind_a_whole_call_cancels_it(client: Open) -> None:
    server = client()
    answer = server.send(whole(FIRST, FIRST + 2) + reset(FIRST))
    assert {each.stream for each in answer} == {FIRST + 2}


async def test_resets_of_whole_calls_are_counted(client: Open) -> None:
    server = client(reset_burst=20, resets_per_s=0)
    for number in range(FIRST, FIRST + 100, 2):
        server.send(whole(number) + reset(number))
    assert server.server.counted == {"rapid_reset": 1}


async def test_frames_between_whole_calls_are_counted_as_ever(client: Open) -> None:
    counted = []
    for cut_at in (0, 5):
        server = client(frame_burst=300, frames_per_s=0)
        for number in range(FIRST, FIRST + 120, 2):
            octets = whole(number)
            server.server.receive(octets[:cut_at])
            server.send(octets[cut_at:])
            assert server.hidden == (0, 0 if cut_at else number)
            server.send(30 * window_update(0, 1))
            counted.append(server.server.counted)
            if server.server.counted:
                break
    assert counted[: len(counted) // 2] == counted[len(counted) // 2 :]
    assert len(counted) > 60
    assert counted[-1] == {"window_update_flood": 1}


async def test_a_client_that_is_gone_cancels_hidden_calls(client: Open) -> None:
    server = await waiting_client(client)
    server.server.connection.close()
    await server.later()
    assert all(each.cancelled() for each in server.started[WARM:])
    assert server.server.dispatcher.running == 0


async def test_more_hidden_calls_than_allowed_are_refused(client: Open) -> None:
    answers = []
    numbers = range(FIRST, FIRST + 8, 2)
    for is_cut in (False, True):
        server = client(is_cut=is_cut, max_streams=4)
        server.send(whole(*numbers, path=b"/e/Wait"))
        server.send(whole(FIRST + 8, path=b"/e/Wait"))
        answers.append(outcome(server.answer))
        assert server.server.connection.open_streams <= 4
    assert answers[0] == answers[1]


async def test_more_calls_at_once_than_allowed_are_as_many_for_nghttp2(client: Open) -> None:
    answers = []
    for between in (b"", window_update(0, 1)):
        server = client(max_streams=4)
        server.send(
            b"".join(
                head(number, HEAD) + between + data(number, BODY, end=True)
                for number in range(FIRST, FIRST + 10, 2)
            )
        )
        answers.append(outcome(server.answer))
    assert answers[0] == answers[1]


async def test_calls_behind_too_many_resets_are_as_many_for_nghttp2(client: Open) -> None:
    """The resets are the server's, of calls that send less than they have stated."""
    wrong = b"".join(
        head(number, STATED) + data(number, BODY[:-1], end=True)
        for number in range(FIRST, FIRST + 6, 2)
    )
    answers = []
    for is_cut in (False, True):
        server = client(is_cut=is_cut, reset_burst=1, resets_per_s=1)
        await server.later(wrong + whole(FIRST + 6, FIRST + 8))
        answers.append(outcome(server.answer))
        assert "provoked_reset" in server.server.counted
    assert answers[0] == answers[1]


async def test_a_deadline_ends_a_hidden_call(client: Open) -> None:
    server = client()
    fields = block(request_fields(b"/e/Wait", (b"grpc-timeout", b"20m")))
    for number in range(FIRST, FIRST + 10, 2):
        server.send(head(number, fields) + data(number, BODY, end=True))
    assert server.hidden[0] > 0
    while status_of(server.answer, FIRST + 8) is None:
        await asyncio.sleep(0.001)
        server.answer += server.server.take()
    assert status_of(server.answer, FIRST + 8) == "4"


# The end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_cut", [False, True])
async def test_the_end_names_the_last_call(client: Open, is_cut: bool) -> None:
    server = client(is_cut=is_cut)
    server.send(whole(FIRST, FIRST + 2))
    server.send(frame(SETTINGS, 0, 0, b"x"))
    (goodbye,) = of_kind(server.answer, GOAWAY)
    assert goodbye.last_stream == FIRST + 2
    assert status_of(server.answer, FIRST + 2) == "0"


async def test_what_was_written_first_leaves_first(client: Open) -> None:
    server = client()
    server.server.receive(whole(FIRST))
    server.send(ping() + whole(FIRST + 2) + ping())
    taken = [(each.kind, each.stream) for each in server.answer][-8:]
    reply = [HEADERS, DATA, HEADERS]
    assert [kind for kind, stream in taken if stream == FIRST] == reply
    assert taken[:3] == [(kind, FIRST) for kind in reply]
