"""What interceptors written for grpc.aio do, on grpc.aio itself and on both transports."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc.aio import AioRpcError

import blrcs.aio
from blrcs.domain.policy import PUBLIC

SERVICE = "tests.Intercepted"
WAIT_S = 10
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
GIVEN = (("given", "with"), ("rich-bin", b"\x00\xff"))

Context = Any
seen_by_interceptor: ContextVar[str] = ContextVar("seen_by_interceptor", default="nothing")


async def act(request: bytes, context: Context) -> None:
    """Does what the request asks for."""
    match request:
        case b"abort":
            context.set_trailing_metadata((("set", "before"),))
            await context.abort(grpc.StatusCode.NOT_FOUND, "gone", GIVEN)
        case b"raise":
            raise LookupError("a secret")
        case b"set":
            context.set_code(grpc.StatusCode.ALREADY_EXISTS)
            context.set_details("there")


def reply(request: bytes) -> bytes:
    return request + b" " + seen_by_interceptor.get().encode()


async def unary_unary(request: bytes, context: Context) -> bytes:
    await act(request, context)
    return reply(request)


async def unary_stream(request: bytes, context: Context) -> AsyncIterator[bytes]:
    await act(request, context)
    yield reply(request)


async def stream_unary(requests: AsyncIterator[bytes], context: Context) -> bytes:
    received = [request async for request in requests]
    await act(received[-1], context)
    return reply(b",".join(received))


async def stream_stream(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
    async for request in requests:
        await act(request, context)
        yield reply(request)


HANDLERS = {
    behaviour.__name__: getattr(grpc, f"{behaviour.__name__}_rpc_method_handler")(behaviour)
    for behaviour in (unary_unary, unary_stream, stream_unary, stream_stream)
}


@pytest.fixture(params=("grpc.aio", "native", "grpcio"))
def serving(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Opens a channel to a server with interceptors: grpc.aio's own, and ours on each transport."""

    def make(interceptors: list[Any]) -> Any:
        if request.param == "grpc.aio":
            return grpc.aio.server(interceptors=interceptors)
        return blrcs.aio.server(
            interceptors=interceptors,
            policies={f"/{SERVICE}/*": PUBLIC},
            transport=request.param,
        )

    @asynccontextmanager
    async def opened(*interceptors: Any) -> AsyncIterator[grpc.aio.Channel]:
        server = make(list(interceptors))
        generic = grpc.method_handlers_generic_handler(SERVICE, HANDLERS)
        server.add_generic_rpc_handlers((generic,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            await server.stop(0)

    return opened


async def ask(channel: grpc.aio.Channel, kind: str, request: bytes) -> tuple[Any, list[bytes]]:
    """The call, and what it gave; two messages where the client streams."""

    async def messages() -> AsyncIterator[bytes]:
        yield b"first"
        yield request

    multi = getattr(channel, kind)(f"/{SERVICE}/{kind}")
    call = multi(messages() if kind.startswith("stream") else request, timeout=WAIT_S)
    if kind.endswith("stream"):
        return call, [each async for each in call]
    return call, [await call]


async def failure(channel: grpc.aio.Channel, kind: str, request: bytes) -> AioRpcError:
    with pytest.raises(AioRpcError) as caught:
        await ask(channel, kind, request)
    return caught.value


def trailers(error: AioRpcError) -> set[tuple[str, Any]]:
    return {tuple(pair) for pair in error.trailing_metadata() if not pair[0].startswith("grpc-")}


class Around(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Puts a behaviour around that of every method, as packages that trace and count do."""

    def __init__(self, around: Callable[..., Any]) -> None:
        self.around = around

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        kind = details.method.rpartition("/")[2]
        inner = getattr(handler, kind)
        if handler.response_streaming:

            async def streaming(request: Any, context: Context) -> AsyncIterator[bytes]:
                async with self.around(context):
                    async for each in inner(request, context):
                        yield each

            return handler._replace(**{kind: streaming})

        async def behaviour(request: Any, context: Context) -> Any:
            async with self.around(context):
                return await inner(request, context)

        return getattr(grpc, f"{kind}_rpc_method_handler")(
            behaviour, handler.request_deserializer, handler.response_serializer
        )


class Marking(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Leaves a mark for the handler where the call's details have what they should."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        keys = {field.key for field in details.invocation_metadata}
        seen_by_interceptor.set(f"{details.method} {'user-agent' in keys}")
        return await continuation(details)


class Proxied:
    """A context in another's clothes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


async def failure_through(serving: Any, around: Any, kind: str, request: bytes) -> AioRpcError:
    async with serving(Around(around)) as channel:
        return await failure(channel, kind, request)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_handler_sees_what_an_interceptor_has_left_for_it(serving: Any, kind: str) -> None:
    async with serving(Marking()) as channel:
        _, replies = await ask(channel, kind, b"go")
    assert replies[-1].endswith(f"go /{SERVICE}/{kind} True".encode())


@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_interceptor_learns_of_an_abort(serving: Any, kind: str) -> None:
    seen: list[Any] = []
    over = asyncio.Event()

    def at_the_end(context: Context) -> None:
        seen.append((context.code(), context.details(), set(context.trailing_metadata())))
        over.set()

    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        context.add_done_callback(at_the_end)
        try:
            yield
        except grpc.aio.AbortError:
            seen.append((context.code(), context.details(), set(context.trailing_metadata())))
            assert context.done()
            assert not context.cancelled()
            raise

    error = await failure_through(serving, around, kind, b"abort")
    async with asyncio.timeout(WAIT_S):
        await over.wait()
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "gone")
    # grpc.aio drops what was set before; here it is sent too.
    for code, details, metadata in seen:
        assert (code, details) == (error.code(), "gone")
        assert metadata - {("set", "before")} == set(GIVEN)
        assert metadata == trailers(error)
    assert len(seen) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_adding_trailers_after_an_abort_doubles_none(serving: Any, kind: str) -> None:
    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        try:
            yield
        finally:
            context.set_trailing_metadata((*context.trailing_metadata(), ("request-id", "7")))

    error = await failure_through(serving, around, kind, b"abort")
    sent = [tuple(pair) for pair in error.trailing_metadata()]
    assert [pair for pair in sent if pair in GIVEN] == list(GIVEN)


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_read_or_sent_once_a_call_was_aborted(serving: Any, kind: str) -> None:
    told: list[str] = []

    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        try:
            yield
        except grpc.aio.AbortError:
            for name, arguments in (
                ("read", ()),
                ("write", (b"a secret",)),
                ("send_initial_metadata", ((("a", "secret"),),)),
            ):
                with pytest.raises(grpc.aio.AbortError):
                    await getattr(context, name)(*arguments)
                told.append(name)
            raise

    error = await failure_through(serving, around, kind, b"abort")
    assert told == ["read", "write", "send_initial_metadata"]
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert "a" not in dict(error.initial_metadata())


@pytest.mark.parametrize("kind", KINDS)
async def test_what_an_interceptor_makes_of_an_exception_is_the_status(
    serving: Any, kind: str
) -> None:
    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        try:
            yield
        except LookupError:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "in its place")

    error = await failure_through(serving, around, kind, b"raise")
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "in its place"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_that_was_set_is_there_for_who_counts(serving: Any, kind: str) -> None:
    counted: list[Any] = []

    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        before = (context.code(), context.details(), context.trailing_metadata())
        yield
        counted.extend((before, context.code(), context.details()))

    error = await failure_through(serving, around, kind, b"set")
    assert counted == [(None, "", ()), grpc.StatusCode.ALREADY_EXISTS, "there"]
    assert (error.code(), error.details()) == (grpc.StatusCode.ALREADY_EXISTS, "there")


@pytest.mark.parametrize("kind", KINDS)
async def test_initial_metadata_that_was_sent_cannot_be_sent_again(serving: Any, kind: str) -> None:
    told: list[type[BaseException]] = []

    @asynccontextmanager
    async def around(context: Context) -> AsyncIterator[None]:
        await context.send_initial_metadata((("first", "1"),))
        with pytest.raises(grpc.aio.UsageError) as usage:
            await context.send_initial_metadata((("second", "2"),))
        with pytest.raises(RuntimeError) as late:
            context.set_compression(grpc.Compression.Gzip)
        told.extend((usage.type, late.type))
        yield

    async with serving(Around(around)) as channel:
        call, replies = await ask(channel, kind, b"go")
    assert len(told) == 2
    assert replies
    initial = dict(await call.initial_metadata())
    assert initial["first"] == "1"
    assert "second" not in initial


async def test_a_context_behind_a_proxy_is_one(serving: Any) -> None:
    class Proxying(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            handler = await continuation(details)

            async def behaviour(request: bytes, context: Context) -> Any:
                return await handler.unary_unary(request, Proxied(context))

            return handler._replace(unary_unary=behaviour)

    async with serving(Proxying()) as channel:
        error = await failure(channel, "unary_unary", b"abort")
        _, replies = await ask(channel, "unary_unary", b"go")
    assert error.details() == "gone"
    assert set(GIVEN) <= trailers(error)
    assert replies == [b"go nothing"]
