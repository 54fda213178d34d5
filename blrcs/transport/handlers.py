"""Brings every style of gRPC handler into one form.

A bound handler is a coroutine function of (request, call), whatever the author wrote: an async
generator, a coroutine that reads and writes by its context, or a plain function, which runs in a
thread as in grpc.aio.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler

END = object()


def method_handler_behaviour(method_handler: Any, executor: Executor | None) -> Handler:
    """The one form of a ``grpc.RpcMethodHandler``'s behaviour."""
    kinds = [
        "stream" if streams else "unary"
        for streams in (method_handler.request_streaming, method_handler.response_streaming)
    ]
    return bound_handler(
        getattr(method_handler, "_".join(kinds)),
        client_streaming=method_handler.request_streaming,
        server_streaming=method_handler.response_streaming,
        executor=executor,
    )


def bound_handler(
    behaviour: Callable[..., Any],
    *,
    client_streaming: bool,
    server_streaming: bool,
    executor: Executor | None,
) -> Handler:
    """The one form of ``behaviour``; plain functions run in ``executor`` (None: the loop's own)."""
    if inspect.isasyncgenfunction(behaviour):
        return _generating(behaviour)
    if inspect.iscoroutinefunction(behaviour):
        return behaviour
    return _in_thread(
        behaviour,
        client_streaming=client_streaming,
        server_streaming=server_streaming,
        executor=executor,
    )


def _generating(behaviour: Callable[..., AsyncIterator[Any]]) -> Handler:
    async def handler(request: Any, call: Call) -> None:
        replies = behaviour(request, call)
        try:
            async for reply in replies:
                await call.write(reply)
        finally:
            await replies.aclose()  # type: ignore[attr-defined]

    return handler


class ThreadContext:
    """A call as a plain function sees it: what waits in a Call blocks the thread here."""

    def __init__(self, call: Call, loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def wait(self, waiting: Any) -> Any:
        """Runs a coroutine on the loop and returns what it gives."""
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result()

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Has the loop call it, without an argument, once the call is over."""
        self._loop.call_soon_threadsafe(self._call.add_done_callback, lambda _: callback())

    def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> None:
        """See :meth:`blrcs_native.calls.call.Call.abort`."""
        self.wait(self._call.abort(code, details, trailing_metadata))

    def abort_with_status(self, status: Any) -> None:
        """See :meth:`blrcs_native.calls.call.Call.abort_with_status`."""
        self.wait(self._call.abort_with_status(status))

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        """See :meth:`blrcs_native.calls.call.Call.send_initial_metadata`."""
        self.wait(self._call.send_initial_metadata(initial_metadata))


def _in_thread(
    behaviour: Callable[..., Any],
    *,
    client_streaming: bool,
    server_streaming: bool,
    executor: Executor | None,
) -> Handler:
    async def handler(request: Any, call: Call) -> Any:
        loop = asyncio.get_running_loop()
        context = ThreadContext(call, loop)
        argument = _blocking(request, context) if client_streaming else request
        result = await loop.run_in_executor(executor, _result, behaviour, argument, context)
        if not server_streaming:
            return result
        replies = iter(result)
        while (reply := await loop.run_in_executor(executor, _next, replies)) is not END:
            await call.write(reply)
        return None

    return handler


def _result(behaviour: Callable[..., Any], argument: Any, context: ThreadContext) -> Any:
    try:
        return behaviour(argument, context)
    except StopIteration as error:
        # No future takes it, and whoever awaits one would wait for ever.
        raise RuntimeError("the handler raised StopIteration") from error


def _next(replies: Iterator[Any]) -> Any:
    return next(replies, END)


def _blocking(requests: AsyncIterator[Any], context: ThreadContext) -> Iterator[Any]:
    async def step() -> Any:
        return await anext(requests, END)

    while (request := context.wait(step())) is not END:
        yield request
