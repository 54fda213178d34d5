"""Connections that have ended on the server's side, and whose clients do not close."""

import asyncio
import gc
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from blrcs.transport.tls import CertificateConfiguration, ServerCredentials
from blrcs_native.calls.call import Call
from tests.certificates import key_and_certificate
from tests.integration.hostile.victim import PATIENCE_S, Victim, serving
from tests.unit.native.http2 import frames
from tests.unit.native.http2.frames import call

OLD = ("grpc.max_connection_age_ms", 50)
IDLE = ("grpc.max_connection_idle_ms", 50)
FEW_BYTES = 4096
FLOOD = frames.ping() * 1000
WINDOWS = frames.PREFACE + frames.settings((frames.INITIAL_WINDOW_SIZE, frames.MAX_WINDOW_BYTES))
WINDOWS += frames.window_update(0, frames.MAX_WINDOW_BYTES - 65_535)
# More than the client's system takes, and less than the server's.
LARGE_BYTES = 40_000
LOOKS_S = 2.5


class Large:
    """Answers more than a client's system takes by itself."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()

    async def __call__(self, _: bytes, call: Call) -> bytes:
        del call
        self.answered.set()
        return bytes(LARGE_BYTES)


class Lingering:
    """A client that reads to the end that the server makes, and closes when it is told to."""

    def __init__(self, port: int, is_secure: bool) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, FEW_BYTES)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(("127.0.0.1", port))
        if is_secure:
            context = ssl.create_default_context(cadata=key_and_certificate()[1].decode())
            context.set_alpn_protocols(["h2"])
            # Who ends without close_notify is refused.
            self._socket = context.wrap_socket(
                self._socket, server_hostname="localhost", suppress_ragged_eofs=False
            )

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, sent: bytes) -> None:
        self._socket.sendall(sent)

    def read_to_end(self) -> list[frames.Frame]:
        """What has come, with every ping answered."""
        reader = frames.FrameReader()
        taken: list[frames.Frame] = []
        while True:
            received = self._socket.recv(65_536)
            if not received:
                return taken
            more = reader.feed(received)
            taken += more
            if any(each.kind == frames.PING and not each.flags & frames.ACK for each in more):
                self.send(frames.ping(flags=frames.ACK))

    def acknowledge(self) -> None:
        """Has its system say at once what it has taken: with bytes, whatever they are."""
        os.write(self.fileno(), b"\0")

    def send_until_refused(self) -> None:
        """Plain bytes, which are no use to the server any more: it has to drop them unread."""
        with socket.socket(fileno=os.dup(self.fileno())) as below:
            below.settimeout(PATIENCE_S)
            while True:
                try:
                    below.sendall(FLOOD)
                except (ConnectionResetError, BrokenPipeError):
                    return

    def close(self) -> None:
        self._socket.close()


Connect = Callable[[Victim], Awaitable[Lingering]]


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def is_secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def credentials(is_secure: bool) -> ServerCredentials | None:
    if not is_secure:
        return None
    configuration = CertificateConfiguration([key_and_certificate()])
    return ServerCredentials(lambda: configuration, require_client_certificate=False)


@pytest.fixture
def connect(is_secure: bool) -> Iterator[Connect]:
    clients: list[Lingering] = []

    async def made(victim: Victim) -> Lingering:
        client = await asyncio.to_thread(Lingering, victim.port, is_secure)
        clients.append(client)
        return client

    yield made
    for each in clients:
        each.close()


async def parted(client: Lingering, greeting: bytes = WINDOWS) -> Sequence[frames.Frame]:
    """Returns once the server has said that nothing more comes."""
    client.send(greeting)
    taken = await asyncio.to_thread(client.read_to_end)
    assert [each.code for each in taken if each.kind == frames.GOAWAY][-1] == frames.NO_ERROR
    return taken


@pytest.mark.parametrize("option", [OLD, IDLE], ids=["old", "idle"])
async def test_a_client_is_told_of_the_end_after_what_it_has_yet_to_take(
    credentials: ServerCredentials | None, connect: Connect, option: tuple[str, int]
) -> None:
    large = Large()
    async with serving([option], credentials=credentials, handlers={"/e/Large": large}) as victim:
        client = await connect(victim)
        taken = await parted(client, WINDOWS + call(1, b"/e/Large"))
        assert sum(len(each.payload) for each in taken if each.kind == frames.DATA) > LARGE_BYTES


async def test_a_client_is_told_of_the_end_of_a_server_that_stops(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    async with serving(credentials=credentials) as victim:
        client = await connect(victim)
        client.send(WINDOWS)
        stopping = asyncio.create_task(victim.server.stop(PATIENCE_S))
        await parted(client, b"")
        client.close()
        await stopping


async def test_a_client_that_never_closes_is_left(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    options = [OLD, ("blrcs.stall_timeout_ms", 0)]
    async with serving(options, credentials=credentials) as victim:
        await parted(await connect(victim))
        await victim.until(lambda: victim.server.connections == 0)


async def test_a_client_that_sends_on_is_left(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    async with serving([OLD], credentials=credentials) as victim:
        client = await connect(victim)
        await parted(client)
        await asyncio.to_thread(client.send_until_refused)
        await victim.until(lambda: victim.server.connections == 0)
        assert victim.counted == {}


async def test_a_client_that_acknowledges_nothing_is_left(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    large = Large()
    options = [OLD, ("blrcs.stall_timeout_ms", 1500)]
    async with serving(options, credentials=credentials, handlers={"/e/Large": large}) as victim:
        client = await connect(victim)
        client.send(WINDOWS + call(1, b"/e/Large"))
        await large.answered.wait()
        assert victim.server.connections == 1
        await victim.until(lambda: victim.server.connections == 0)


async def test_a_client_that_acknowledges_late_has_all(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    large = Large()
    async with serving([OLD], credentials=credentials, handlers={"/e/Large": large}) as victim:
        client = await connect(victim)
        client.send(WINDOWS + call(1, b"/e/Large"))
        await large.answered.wait()
        await asyncio.sleep(LOOKS_S)
        client.send(frames.ping())
        taken = await asyncio.to_thread(client.read_to_end)
        assert sum(len(each.payload) for each in taken if each.kind == frames.DATA) > LARGE_BYTES
        assert "0" in {each.fields.get("grpc-status") for each in taken}
        await victim.until(lambda: victim.server.connections == 0)


async def test_one_that_parts_counts_until_it_has_gone(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    options = [OLD, ("blrcs.max_connections", 1)]
    async with serving(options, credentials=credentials) as victim:
        client = await connect(victim)
        await parted(client)
        assert victim.server.connections == 1
        with socket.create_connection(("127.0.0.1", victim.port), PATIENCE_S) as other:
            assert await asyncio.to_thread(other.recv, 1) == b""
        assert victim.counted == {"connection_limit": 1}
        client.close()
        await victim.until(lambda: victim.server.connections == 0)
        await parted(await connect(victim))


async def test_a_stop_without_grace_does_not_wait_for_one_that_has_been_told(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    async with serving([OLD], credentials=credentials) as victim:
        client = await connect(victim)
        await parted(client)
        client.acknowledge()
        assert victim.server.connections == 1
        stopping = asyncio.create_task(victim.server.stop(0))
        await asyncio.sleep(0)
        assert victim.server.connections == 0
        await stopping


async def test_a_stop_without_grace_tells_a_client_that_never_closes(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    async with serving(credentials=credentials) as victim:
        client = await connect(victim)
        client.send(WINDOWS + call(1, b"/e/Never"))
        await victim.until(lambda: victim.server.running_calls == 1)
        await victim.server.stop(0)
        assert victim.server.connections == 0
        taken = await asyncio.to_thread(client.read_to_end)
        assert [each.fields["grpc-status"] for each in taken if "grpc-status" in each.fields] == [
            "14"
        ]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_descriptors_are_given_back(
    credentials: ServerCredentials | None, connect: Connect
) -> None:
    async with serving([OLD], credentials=credentials) as victim:
        gc.collect()
        before = descriptors()
        clients = [await connect(victim) for _ in range(5)]
        await asyncio.gather(*map(parted, clients))
        await victim.until(lambda: victim.server.connections == 0)
        assert descriptors() == before + len(clients)
