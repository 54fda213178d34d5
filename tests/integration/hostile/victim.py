"""A server that is attacked, and a client that writes bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import grpc.aio

from blrcs.transport.native import NativeServer
from blrcs.transport.router import Router
from blrcs.transport.tls import ServerCredentials
from blrcs_native.calls.call import Call
from tests.unit.native.http2 import frames
from tests.unit.native.http2.endpoint import Handlers, echo, never

PATIENCE_S = 60
OPTION_NAMES = {
    "reset_burst": "blrcs.reset_burst",
    "resets_per_s": "blrcs.resets_per_s",
    "frame_burst": "blrcs.frame_burst",
    "frames_per_s": "blrcs.frames_per_s",
    "max_streams": "grpc.max_concurrent_streams",
    "max_receive_bytes": "grpc.max_receive_message_length",
}


def as_options(limits: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(OPTION_NAMES[name], value) for name, value in limits.items()]


async def echo_all(_: Any, call: Call) -> None:
    while (body := await call.read()) is not grpc.aio.EOF:
        await call.write(body)


HANDLERS = {"/e/Echo": echo, "/e/Never": never, "/e/Stream": echo_all}


@dataclass
class Victim:
    """A running server."""

    server: NativeServer
    port: int

    @property
    def counted(self) -> dict[str, int]:
        return {kind: count for kind, count in self.server.abuse.counts.items() if count}

    async def serves(self) -> bool:
        """Whether an honest client is answered."""
        async with grpc.aio.insecure_channel(
            f"127.0.0.1:{self.port}", [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            call = channel.unary_unary("/e/Echo")
            return bool(await call(b"hello", timeout=PATIENCE_S, wait_for_ready=True) == b"hello")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until something has become true within the server."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - nothing tells of a counter
                await asyncio.sleep(0.002)


@asynccontextmanager
async def serving(
    options: Iterable[tuple[str, Any]] = (),
    *,
    credentials: ServerCredentials | None = None,
    handlers: Mapping[str, Any] = HANDLERS,
    observers: Sequence[object] = (),
) -> AsyncIterator[Victim]:
    pipelines = Handlers(handlers, observers=observers)
    router = Router({name: found for name in handlers if (found := pipelines.find(name))})
    server = NativeServer(router, options=list(options))
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield Victim(server, port)
    finally:
        await server.stop(0)


class RawClient:
    """Writes any bytes, and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = frames.FrameReader()
        self.answers_pings = True
        self._unread: list[frames.Frame] = []

    @classmethod
    async def connect(
        cls, port: int, *, greeting: bytes = frames.PREFACE + frames.settings(), **more: Any
    ) -> Self:
        client = cls(*await asyncio.open_connection("127.0.0.1", port, **more))
        await client.send(greeting)
        return client

    async def send(self, data: bytes) -> None:
        """A server that has closed meanwhile is no error."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def stop_reading(self) -> None:
        """Has what the server sends fill the buffers on the way."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def read(self) -> list[frames.Frame] | None:
        """Some frames, perhaps none yet; None at the end."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                received = await self._reader.read(65_536)
            except ConnectionError:
                return None
        taken = self._frames.feed(received)
        if self.answers_pings:
            for each in taken:
                if each.kind == frames.PING and not each.flags & frames.ACK:
                    await self.send(frames.ping(each.payload, frames.ACK))
        return taken if received else None

    async def until(self, wanted: Callable[[frames.Frame], bool]) -> list[frames.Frame]:
        """All up to what is wanted, which is the last."""
        taken: list[frames.Frame] = []
        while True:
            while self._unread:
                taken.append(self._unread.pop(0))
                if wanted(taken[-1]):
                    return taken
            more = await self.read()
            assert more is not None, f"the server closed after {taken}"
            self._unread += more

    async def rest(self) -> list[frames.Frame]:
        """All up to the end that the server makes."""
        while (more := await self.read()) is not None:
            self._unread += more
        taken, self._unread = self._unread, []
        return taken

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


@asynccontextmanager
async def attacker(port: int, **arguments: Any) -> AsyncIterator[RawClient]:
    client = await RawClient.connect(port, **arguments)
    try:
        yield client
    finally:
        await client.close()
