"""A head that is given again from memory says what its octets say at that time."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Endpoint, body_of, of_kind, status_of

PATH = b"/a.B/C"
OTHER_PATH = b"/a.B/D"
NEWEST = 62  # the index of the field that entered the table last
PROTOCOL_ERROR = 1
WARM = range(1, 9, 2)


class Server:
    """An endpoint, and the calls that it has seen."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.endpoint = Endpoint({"/a.B/C": self._serve, "/a.B/D": self._serve})
        self._stream = -1

    async def _serve(self, body: bytes, call: Call) -> bytes:
        self.calls.append(call)
        return body

    async def call(self, block: bytes, body: bytes = b"hi") -> list[frames.Frame]:
        """The answer to a call with this head."""
        self._stream += 2
        return await self.endpoint.answer(
            frames.head(self._stream, block)
            + frames.data(self._stream, frames.message(body), end=True)
        )

    def next_after(self, stream: int) -> None:
        """The next call has the number behind this one's."""
        self._stream = stream

    async def metadata(self, block: bytes) -> dict[str, str | bytes]:
        """What a call with this head is seen to have."""
        answer = await self.call(block)
        assert status_of(answer, self._stream) == "0"
        assert body_of(answer, self._stream) == frames.message(b"hi")
        return dict(self.calls[-1].invocation_metadata())

    @property
    def last_two_share(self) -> bool:
        """Whether the last head was given from memory."""
        one, other = self.calls[-2:]
        return one.invocation_metadata() is other.invocation_metadata()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    yield made
    made.endpoint.close()


def block(*more: tuple[bytes, bytes], path: bytes = PATH) -> bytes:
    return frames.block(frames.request_fields(path, *more))


async def test_a_head_is_remembered_once_it_has_come_twice(server: Server) -> None:
    shared = []
    for number in range(4):
        assert await server.metadata(block((b"x-id", b"7"))) == {"x-id": "7"}
        if number:
            shared.append(server.last_two_share)
    assert shared == [False, False, True]


async def test_heads_that_take_turns_are_each_what_they_are(server: Server) -> None:
    for _ in range(5):
        for number in range(7):
            path = OTHER_PATH if number % 2 else PATH
            fields = await server.metadata(block((b"x-id", b"%d" % number), path=path))
            assert fields == {"x-id": str(number)}
            assert server.calls[-1].method.name == path.decode()


async def test_a_head_that_was_known_has_its_deadline_anew(server: Server) -> None:
    for _ in WARM:
        await server.metadata(block((b"grpc-timeout", b"1H")))
        assert server.calls[-1].time_remaining() is not None
    assert server.last_two_share
    for _ in WARM:
        await server.metadata(block())
        assert server.calls[-1].time_remaining() is None


async def test_of_a_known_head_the_length_still_counts(server: Server) -> None:
    head = block((b"content-length", b"7"))
    for _ in WARM:
        await server.metadata(head)
    assert server.last_two_share
    count = len(server.calls)
    for body in (b"", b"longer"):
        (reset,) = of_kind(await server.call(head, body), frames.RST_STREAM)
        assert reset.code == PROTOCOL_ERROR
    assert len(server.calls) == count
    assert await server.metadata(head) == {"content-length": "7"}


def entering(value: bytes) -> bytes:
    """A head that enters a field into the table."""
    return block() + frames.literal(b"x-who", value, indexed=True)


async def test_what_an_index_stands_for_is_not_remembered_beyond_the_table(server: Server) -> None:
    by_index = block() + frames.indexed(NEWEST)
    for who in ("alice", "bob"):
        assert await server.metadata(entering(who.encode())) == {"x-who": who}
        for _ in WARM:
            assert await server.metadata(by_index) == {"x-who": who}
        assert server.last_two_share


def in_two_frames(stream: int, octets: bytes) -> bytes:
    return frames.frame(frames.HEADERS, 0, stream, octets[:20]) + frames.frame(
        frames.CONTINUATION, frames.END_HEADERS, stream, octets[20:]
    )


def with_padding(stream: int, octets: bytes) -> bytes:
    return frames.frame(
        frames.HEADERS, frames.END_HEADERS | frames.PADDED, stream, b"\2" + octets + bytes(2)
    )


def with_priority(stream: int, octets: bytes) -> bytes:
    return frames.frame(frames.HEADERS, frames.END_HEADERS | 0x20, stream, bytes(5) + octets)


@pytest.mark.parametrize("form", [in_two_frames, with_padding, with_priority])
@pytest.mark.parametrize("step", [7, 100_000])
async def test_no_form_of_head_changes_the_table_unseen(
    server: Server, form: Any, step: int
) -> None:
    by_index = block() + frames.indexed(NEWEST)
    await server.metadata(entering(b"alice"))
    for _ in WARM:
        await server.metadata(by_index)
    stream = 101
    sent = form(stream, entering(b"bob")) + frames.data(stream, frames.message(b"hi"), end=True)
    stream += 2
    sent += frames.head(stream, by_index) + frames.data(stream, frames.message(b"hi"), end=True)
    for at in range(0, len(sent), step):
        server.endpoint.receive(sent[at : at + step])
    answer = server.endpoint.take()
    assert [status_of(answer, each) for each in (stream - 2, stream)] == ["0", "0"]
    assert dict(server.calls[-1].invocation_metadata()) == {"x-who": "bob"}


FORMS = (frames.head, in_two_frames, with_padding, with_priority)


def in_parts(server: Server, sent: bytes, cuts: tuple[int, ...]) -> None:
    """Has the server read them, up to each of the places by itself."""
    for start, end in pairwise((0, *cuts, len(sent))):
        server.endpoint.receive(sent[start:end])
    server.endpoint.take()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cuts", [(3,), (9,), (12,), (40,), (5, 9, 30), tuple(range(1, 30))])
async def test_what_a_head_in_parts_does_to_the_table_is_seen(
    server: Server, form: Any, cuts: tuple[int, ...]
) -> None:
    by_index = block() + frames.indexed(NEWEST)
    await server.metadata(entering(b"alice"))
    for _ in WARM:
        await server.metadata(by_index)
    body = frames.data(101, frames.message(b"hi"), end=True)
    in_parts(server, form(101, entering(b"bob")) + body, cuts)
    server.next_after(101)
    for _ in WARM:
        assert await server.metadata(by_index) == {"x-who": "bob"}
    assert server.last_two_share


@pytest.mark.parametrize("form", [frames.head, with_priority])
@pytest.mark.parametrize("cuts", [(3,), (9,), (12,), (40,), (5, 9, 30), tuple(range(1, 30))])
async def test_a_head_in_parts_that_leaves_the_table_has_none_forgotten(
    server: Server, form: Any, cuts: tuple[int, ...]
) -> None:
    for _ in WARM:
        await server.metadata(block((b"x-id", b"7")))
    known = server.calls[-1].invocation_metadata()
    body = frames.data(101, frames.message(b"hi"), end=True)
    in_parts(server, form(101, block((b"x-other", b"9"))) + body, cuts)
    assert dict(server.calls[-1].invocation_metadata()) == {"x-other": "9"}
    server.next_after(101)
    assert await server.metadata(block((b"x-id", b"7"))) == {"x-id": "7"}
    assert server.calls[-1].invocation_metadata() is known


async def test_a_large_head_in_parts_may_have_changed_the_table(server: Server) -> None:
    by_index = block() + frames.indexed(NEWEST)
    await server.metadata(entering(b"alice"))
    for _ in WARM:
        await server.metadata(by_index)
    large = entering(b"bob") + frames.literal(b"x-large", b"a" * 2_000)
    body = frames.data(101, frames.message(b"hi"), end=True)
    in_parts(server, frames.head(101, large) + body, (1_000,))
    server.next_after(101)
    assert await server.metadata(by_index) == {"x-who": "bob"}


async def test_a_smaller_table_is_an_end_of_what_was_in_it(server: Server) -> None:
    by_index = block() + frames.indexed(NEWEST)
    await server.metadata(entering(b"alice"))
    for _ in WARM:
        await server.metadata(by_index)
    await server.metadata(b"\x20" + block())  # the table has no room any more
    count = len(server.calls)
    assert of_kind(await server.call(by_index), frames.GOAWAY)
    assert len(server.calls) == count


async def test_what_is_refused_is_refused_each_time(server: Server) -> None:
    for _ in WARM:
        answer = await server.call(block((b"te", b"gzip")))
        assert of_kind(answer, frames.RST_STREAM)
        answer = await server.call(frames.block(frames.request_fields(PATH, content_type=b"a/b")))
        assert [each.fields[":status"] for each in of_kind(answer, frames.HEADERS)] == ["415"]
        answer = await server.call(block((b"x-bin", b"!")))
        assert of_kind(answer, frames.HEADERS)[0].fields["grpc-status"] == "13"
    assert not server.calls
