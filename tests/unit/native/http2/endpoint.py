"""A server's end of a connection without a socket, for tests that are the client."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.routes import Routes
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.http2.abuse import AbuseCounters
from blrcs_native.http2.connection import Connection
from blrcs_native.http2.dispatcher import Dispatcher
from blrcs_native.http2.limits import Limits
from blrcs_native.load.overload import MethodLoad
from tests.unit.native.http2 import frames

LoadOf = Callable[[str], MethodLoad]
DirectOf = Callable[[str], DirectHandler | None]

ECHO = b"/e/Echo"
STREAM = b"/e/Stream"
EOF = object()
TURNS = 100


async def echo(body: bytes, _: Call) -> bytes:
    return body


async def never(_: bytes, call: Call) -> bytes:
    del call
    await asyncio.get_running_loop().create_future()
    return b""


class Handlers(Routes):
    """A router over plain coroutine functions of (request, call), which reply with bytes.

    Requests are what ``parse`` makes, which without it are bytes too.

    A name that ends in ``Stream`` is a method where both sides stream.
    """

    def __init__(
        self,
        handlers: Mapping[str, Any],
        guards: Sequence[Guard] = (),
        observers: Sequence[object] = (),
        load_of: LoadOf | None = None,
        parse: Callable[[bytes], Any] | None = None,
        direct_of: DirectOf | None = None,
    ) -> None:
        self.pipelines = {}
        for name, handler in handlers.items():
            streams = name.endswith("Stream")
            method = Method(
                name,
                client_streaming=streams,
                server_streaming=streams,
                parse=parse,
                serialize=None,
            )
            self.pipelines[name] = Pipeline(
                method,
                handler,
                guards=guards,
                observers=observers,
                direct=None if direct_of is None else direct_of(name),
                load=None if load_of is None else load_of(name),
            )

    def find(self, name: str) -> Pipeline | None:
        return self.pipelines.get(name)


async def turns(count: int = TURNS) -> None:
    """Lets everything happen that waits for nothing but its turn."""
    for _ in range(count):
        await asyncio.sleep(0)


class Endpoint:
    """A connection, its dispatcher, and what the client has read so far.

    ``handlers`` may be a router of pipelines, too.
    """

    def __init__(
        self,
        handlers: Mapping[str, Any] | Routes,
        *,
        greet: bool = True,
        max_calls: int | None = None,
        guards: Sequence[Guard] = (),
        load_of: LoadOf | None = None,
        parse: Callable[[bytes], Any] | None = None,
        direct_of: DirectOf | None = None,
        **limits: Any,
    ) -> None:
        self.abuse = AbuseCounters()
        self.unexpected: list[BaseException] = []
        bounds = Limits(**limits)
        if not isinstance(handlers, Routes):
            handlers = Handlers(handlers, guards, load_of=load_of, parse=parse, direct_of=direct_of)
        self.dispatcher = Dispatcher(
            handlers,
            asyncio.get_running_loop(),
            bounds,
            eof=EOF,
            max_calls=max_calls,
            unexpected=self.unexpected.append,
        )
        self.connection = Connection(self.dispatcher, bounds, self.abuse)
        self._reader = frames.FrameReader()
        if greet:
            assert self.receive(frames.PREFACE + frames.settings())
            self.take()

    def receive(self, data: bytes) -> bool:
        return self.connection.receive(data)

    def take(self) -> list[frames.Frame]:
        """The frames that are ready to be sent."""
        return self._reader.feed(self.connection.take())

    async def answer(self, data: bytes) -> list[frames.Frame]:
        """What comes of ``data`` at once and in the next turns."""
        self.receive(data)
        taken = self.take()
        for _ in range(TURNS):
            await asyncio.sleep(0)
            taken += self.take()
        return taken

    @property
    def counted(self) -> dict[str, int]:
        """The kinds of abuse that were counted."""
        return {kind: count for kind, count in self.abuse.counts.items() if count}

    def close(self) -> None:
        self.connection.close()
        self.dispatcher.close()


def status_of(answer: list[frames.Frame], stream: int = 1) -> str | None:
    """The ``grpc-status`` of a call."""
    for each in answer:
        if each.stream == stream and "grpc-status" in each.fields:
            return each.fields["grpc-status"]
    return None


def of_kind(answer: list[frames.Frame], kind: int, stream: int | None = None) -> list[frames.Frame]:
    return [
        each for each in answer if each.kind == kind and (stream is None or each.stream == stream)
    ]


def body_of(answer: list[frames.Frame], stream: int = 1) -> bytes:
    """All DATA of a stream."""
    return b"".join(each.payload for each in of_kind(answer, frames.DATA, stream))


Open = Callable[..., Endpoint]
