"""A status without messages, which is written without nghttp2, says what it was given."""

import asyncio
from collections.abc import AsyncIterator

import hpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blrcs_native.calls.call import Call
from blrcs_native.http2.wire import encode_message
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, of_kind

HEAD = {
    ":status": "200",
    "content-type": "application/grpc",
    "grpc-accept-encoding": "identity,deflate,gzip",
}
TABLE_SIZE = 1  # a setting (RFC 9113, section 6.5.2)

names = st.from_regex(r"x-[a-z0-9._]{1,150}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300)
values = values.filter(lambda value: value == value.strip())


class Failing:
    """Ends each call as it was told to."""

    def __init__(self) -> None:
        self.code = 5
        self.details = ""
        self.trailers: tuple[tuple[str, str], ...] = ()

    async def __call__(self, _: bytes, call: Call) -> bytes:
        call.set_code(self.code)
        call.set_details(self.details)
        call.set_trailing_metadata(self.trailers)
        return b""


async def echo(body: bytes, _: Call) -> bytes:
    return body


class Client:
    def __init__(self) -> None:
        self.failing = Failing()
        self.endpoint = Endpoint({"/e/Fail": self.failing, "/e/Echo": echo})
        self.number = -1

    def call(self, path: bytes, *, is_cut: bool = False) -> list[frames.Frame]:
        """What is answered, where the call comes as a whole or in octets."""
        self.number += 2
        sent = frames.call(self.number, path, b"hi")
        for piece in [sent[at : at + 1] for at in range(len(sent))] if is_cut else [sent]:
            assert self.endpoint.receive(piece)
        return [each for each in self.endpoint.take() if each.stream == self.number]

    def failure(self, *, is_cut: bool = False) -> dict[str, str]:
        """The fields of a failed call's only frame."""
        (head,) = of_kind(self.call(b"/e/Fail", is_cut=is_cut), frames.HEADERS)
        assert head.ends_stream
        return head.fields


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    yield made
    made.endpoint.close()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(1, 16),
    st.text(max_size=200) | st.integers(0, 6_000).map(lambda size: "m" * size),
    st.dictionaries(names, values, max_size=6),
    st.booleans(),
)
async def test_it_says_what_it_was_given(
    client: Client, code: int, details: str, trailers: dict[str, str], is_cut: bool
) -> None:
    client.failing.code = code
    client.failing.details = details
    client.failing.trailers = tuple(trailers.items())
    expected = HEAD | {"grpc-status": str(code)} | trailers
    if details:
        expected["grpc-message"] = encode_message(details).decode()
    assert client.failure(is_cut=is_cut) == expected
    # Again, as it is told once nghttp2 has written something.
    assert client.failure(is_cut=is_cut) == expected


@pytest.mark.parametrize("size", [126, 127, 128, 254, 255, 256, 16_383 + 127])
async def test_lengths_at_the_ends_of_octets(client: Client, size: int) -> None:
    for length in (size - 1, size, size + 1):
        client.failing.details = "m" * length
        assert client.failure()["grpc-message"] == "m" * length


async def test_many_are_told_alone_and_the_connection_goes_on(client: Client) -> None:
    client.failure()
    for _ in range(40):
        assert client.failure() == HEAD | {"grpc-status": "5"}
    # nghttp2 has not been told of them yet.
    assert client.endpoint.connection.hidden_calls == (0, client.number)
    client.endpoint.receive(frames.ping())
    (pong,) = client.endpoint.take()
    assert (pong.kind, pong.flags) == (frames.PING, frames.ACK)
    assert client.endpoint.connection.hidden_calls == (0, 0)
    assert client.call(b"/e/Echo")[-1].fields == {"grpc-status": "0"}


async def test_the_usual_reply_stays_known(client: Client) -> None:
    for _ in range(4):
        usual = [each.payload for each in client.call(b"/e/Echo")]
    for number in range(20):
        client.failing.details = f"not here: {number}"
        assert client.failure()["grpc-message"] == f"not here: {number}"
        assert [each.payload for each in client.call(b"/e/Echo")] == usual
    # Each field of its head is one octet, and so are those of the failures' heads.
    (head,) = client.call(b"/e/Fail")
    assert head.payload.startswith(usual[0])


@pytest.mark.parametrize("size", [0, 60, 4096])
@pytest.mark.parametrize("warm", [0, 4])
@pytest.mark.parametrize("is_acknowledged", [False, True])
async def test_the_size_of_the_table_is_told_first(
    client: Client, size: int, warm: int, is_acknowledged: bool
) -> None:
    """hpack raises where it is not."""
    for _ in range(4):
        client.failure()
    for _ in range(warm):
        client.call(b"/e/Echo")
    decoder: hpack.Decoder = client.endpoint._reader._decoder
    client.endpoint.receive(frames.settings((TABLE_SIZE, size)))
    decoder.max_allowed_table_size = size
    taken = client.endpoint.take() if is_acknowledged else []
    client.number += 2
    client.endpoint.receive(frames.call(client.number, b"/e/Fail", b"hi"))
    acknowledged, head = taken + client.endpoint.take()
    assert (acknowledged.kind, acknowledged.flags) == (frames.SETTINGS, frames.ACK)
    assert head.fields == HEAD | {"grpc-status": "5"}
    for _ in range(4):
        assert client.failure() == HEAD | {"grpc-status": "5"}
        assert client.call(b"/e/Echo")[-1].fields == {"grpc-status": "0"}


async def test_a_status_alone_needs_no_window(client: Client) -> None:
    """Nor is anything left of it that would be sent when there is one."""
    for _ in range(4):
        client.call(b"/e/Echo")
        client.failure()
    client.endpoint.receive(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    client.endpoint.take()
    for _ in range(300):  # more than may be open at once
        assert client.failure() == HEAD | {"grpc-status": "5"}
        client.endpoint.receive(frames.priority(client.number, 0))  # nghttp2 is told of all
        assert client.endpoint.take() == []
    client.endpoint.receive(frames.settings((frames.INITIAL_WINDOW_SIZE, 65_535)))
    client.endpoint.receive(frames.window_update(0, 1 << 20))
    assert [each.kind for each in client.endpoint.take()] == [frames.SETTINGS]
    assert client.call(b"/e/Echo")[-1].fields == {"grpc-status": "0"}
    assert client.endpoint.counted == {}


async def test_a_status_alone_needs_no_window_of_the_connection(client: Client) -> None:
    for _ in range(4):
        client.call(b"/e/Echo")
        client.failure()
    for _ in range(5):
        client.number += 2
        client.endpoint.receive(frames.call(client.number, b"/e/Echo", bytes(16_000)))
    waiting = client.number
    client.endpoint.take()
    for _ in range(300):
        assert client.failure() == HEAD | {"grpc-status": "5"}
        client.endpoint.receive(frames.priority(client.number, 0))  # nghttp2 is told of all
        assert client.endpoint.take() == []
    client.endpoint.receive(frames.window_update(0, 1 << 20))
    assert {each.stream for each in client.endpoint.take()} == {waiting}


async def test_what_is_told_behind_the_end_changes_nothing(client: Client) -> None:
    """A handler that is cancelled may set trailers yet."""

    async def late(_: bytes, call: Call) -> bytes:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            call.set_trailing_metadata((("x-late", "v" * 20_000),))
        return b""

    endpoint = Endpoint({"/e/Late": late})
    endpoint.receive(frames.call(1, b"/e/Late", b"", (b"grpc-timeout", b"20m")))
    async with asyncio.timeout(60):
        while not (taken := endpoint.take()):  # noqa: ASYNC110 - nothing tells of its output
            await asyncio.sleep(0.01)
    (head,) = taken
    endpoint.close()
    assert head.fields["grpc-status"] == "4"
    assert "x-late" not in head.fields
