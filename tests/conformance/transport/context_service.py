"""A service that uses all of grpc.aio.ServicerContext, in the ways that handlers do."""

import asyncio
import contextlib
import contextvars
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc

from blrcs.transport.registration import Registrar
from blrcs_native.calls.call import Call

SERVICE = "context.Context"
SEEN = contextvars.ContextVar("seen", default="nothing")


@dataclass
class Status:
    """A grpc.Status."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str], ...]


@dataclass
class Record:
    """What handlers note for the test that called them."""

    began: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    written: int = 0
    abort_seen: bool = False
    reading: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


def shown(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


class Context:
    """The handlers; bytes go in and out."""

    def __init__(self) -> None:
        self.record = Record()

    async def describe(self, request: bytes, call: Call) -> bytes:
        metadata = [
            (key, shown(value))
            for key, value in call.invocation_metadata()
            if key not in {"user-agent", "grpc-accept-encoding"}
        ]
        return text(
            {
                "metadata": metadata,
                "has_deadline": call.time_remaining() is not None,
                "cancelled": call.cancelled(),
                "done": call.done(),
                "code": call.code() and str(call.code()),
                "details": call.details() and str(call.details()),
                "trailing": list(call.trailing_metadata() or ()),
                "task": asyncio.current_task() is not None,
                "seen": SEEN.get(),
            }
        )

    async def stain(self, request: bytes, call: Call) -> bytes:
        """Leaves a context variable behind."""
        before = SEEN.get()
        SEEN.set("stained")
        if request == b"wait":
            await asyncio.sleep(0)
        return text([before, SEEN.get()])

    async def time_out(self, request: bytes, call: Call) -> bytes:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(30)
        except TimeoutError:
            return b"timed out"
        return b"slept"

    async def code_and_reply(self, request: bytes, call: Call) -> bytes:
        call.set_code(grpc.StatusCode.NOT_FOUND)
        call.set_details(request.decode())
        call.set_trailing_metadata((("why", "because"),))
        return b"a reply that is not sent"

    async def abort(self, request: bytes, call: Call) -> bytes:
        call.set_trailing_metadata((("set", "before"),))
        await call.abort(grpc.StatusCode.ABORTED, request.decode(), (("given", "with"),))
        return b""

    async def abort_and_go_on(self, request: bytes, call: Call) -> bytes:
        """Suppresses what aborting raises."""
        for details in ("first", "second"):
            with contextlib.suppress(Exception):
                await call.abort(grpc.StatusCode.PERMISSION_DENIED, details)
        return b"a secret"

    async def set_details_and_abort(self, request: bytes, call: Call) -> bytes:
        call.set_details("set before")
        await call.abort(grpc.StatusCode.ABORTED)
        return b""

    async def abort_with_status(self, request: bytes, call: Call) -> bytes:
        status = Status(grpc.StatusCode.DATA_LOSS, "by a status", (("rich-bin", b"\x00\x01"),))
        await call.abort_with_status(status)
        return b""

    async def abort_seen_by_name(self, request: bytes, call: Call) -> bytes:
        """As interceptors do that report other exceptions."""
        try:
            await call.abort(grpc.StatusCode.ABORTED, "nothing to report")
        except grpc.aio.AbortError:
            self.record.abort_seen = True
            raise
        return b""

    async def mistake(self, request: bytes, call: Any) -> bytes:
        """Says what no status can be made of."""
        match request:
            case b"code":
                call.set_code(99)
            case b"details":
                call.set_details(ValueError("no text"))
            case b"trailing":
                call.set_trailing_metadata((("no name", "1"),))
            case b"initial":
                await call.send_initial_metadata((("name", "\n"),))
            case b"abort_code":
                await call.abort("NOT_FOUND")
            case b"abort_details":
                await call.abort(grpc.StatusCode.NOT_FOUND, ValueError("no text"))
            case b"abort_name":
                await call.abort(grpc.StatusCode.NOT_FOUND, "", (("no name", "1"),))
            case b"abort_value":
                await call.abort(grpc.StatusCode.NOT_FOUND, "", (("a-bin", "no bytes"),))
        return b"passed over"

    async def mistake_in_a_stream(self, request: bytes, call: Any) -> None:
        await self.mistake(request, call)

    async def wait_and_mistake(self, request: bytes, call: Any) -> bytes:
        await asyncio.sleep(0.001)
        return await self.mistake(request, call)

    async def nothing(self, request: bytes, call: Call) -> None:
        """Returns no message."""

    def end_an_iterator_in_thread(self, request: bytes, call: Any) -> bytes:
        """A plain function, which looks for a message that is not there."""
        messages: list[bytes] = []
        return next(iter(messages))

    async def initial_then_fail(self, request: bytes, call: Call) -> bytes:
        await call.send_initial_metadata((("first", "1"), ("first-bin", b"\xff")))
        await call.abort(grpc.StatusCode.INTERNAL, "afterwards")
        return b""

    async def initial_twice(self, request: bytes, call: Call) -> bytes:
        await call.send_initial_metadata((("first", "1"),))
        try:
            await call.send_initial_metadata((("second", "2"),))
        except Exception:  # noqa: BLE001 - each transport has its own
            return b"refused"
        return b"allowed"

    async def sleep(self, request: bytes, call: Call) -> bytes:
        call.add_done_callback(lambda _: self.record.done.set())
        self.record.began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.record.cancelled.set()
            raise
        return b""

    async def echo(self, request: bytes, call: Call) -> bytes:
        call.add_done_callback(lambda _: self.record.done.set())
        return request

    async def compress(self, request: bytes, call: Call) -> bytes:
        call.set_compression(grpc.Compression.Gzip)
        return request

    async def expand(self, request: bytes, call: Call) -> AsyncIterator[bytes]:
        """As many messages as asked for, of the size asked for."""
        count, size = json.loads(request)
        try:
            for index in range(count):
                self.record.written = index
                yield bytes([index % 256]) * size
        except (asyncio.CancelledError, GeneratorExit):
            self.record.cancelled.set()
            raise

    async def abort_and_stream_on(self, request: bytes, call: Call) -> AsyncIterator[bytes]:
        yield b"allowed"
        with contextlib.suppress(Exception):
            await call.abort(grpc.StatusCode.PERMISSION_DENIED, "first")
        yield b"a secret"

    async def collect(self, requests: AsyncIterator[bytes], call: Call) -> bytes:
        sizes = [len(request) async for request in requests]
        return text(sizes)

    def collect_in_thread(self, requests: Iterator[bytes], call: Any) -> bytes:
        """A plain function, which blocks while no message is there."""
        try:
            for _ in requests:
                self.record.reading.set()
        finally:
            self.record.left.set()
        return b""

    async def leave_early(self, requests: AsyncIterator[bytes], call: Call) -> bytes:
        """Answers after the first message, whatever else comes."""
        async for request in requests:
            return request
        return b"none"

    async def converse(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request[::-1]
        call.set_trailing_metadata((("said", "goodbye"),))

    async def fail_after(self, requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for request in requests:
            if request == b"fail":
                await call.abort(grpc.StatusCode.FAILED_PRECONDITION, "as asked")
            yield request

    def register(self, registrar: Registrar) -> None:
        makers = {
            grpc.unary_unary_rpc_method_handler: (
                self.describe,
                self.stain,
                self.time_out,
                self.code_and_reply,
                self.abort,
                self.abort_and_go_on,
                self.set_details_and_abort,
                self.abort_with_status,
                self.abort_seen_by_name,
                self.mistake,
                self.wait_and_mistake,
                self.nothing,
                self.end_an_iterator_in_thread,
                self.initial_then_fail,
                self.initial_twice,
                self.sleep,
                self.echo,
                self.compress,
            ),
            grpc.unary_stream_rpc_method_handler: (
                self.expand,
                self.abort_and_stream_on,
                self.mistake_in_a_stream,
            ),
            grpc.stream_unary_rpc_method_handler: (
                self.collect,
                self.collect_in_thread,
                self.leave_early,
            ),
            grpc.stream_stream_rpc_method_handler: (self.converse, self.fail_after),
        }
        registrar.add_registered_method_handlers(
            SERVICE,
            {
                behaviour.__name__: make(behaviour)
                for make, behaviours in makers.items()
                for behaviour in behaviours
            },
        )
