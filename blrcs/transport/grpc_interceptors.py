"""Runs third-party ``grpc.aio.ServerInterceptor``s around a bound handler.

Such an interceptor is asked at every call and gives the method handler to use, its own or a later
one's. It sees handlers of messages, as under grpc.aio; the guards have already admitted the call.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import grpc

from blrcs.transport.handlers import method_handler_behaviour
from blrcs.transport.registration import Registration
from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler, Metadata


class CallDetails(NamedTuple):
    """What an interceptor is told of a call (``grpc.HandlerCallDetails``)."""

    method: str
    invocation_metadata: Metadata


def run_interceptors(
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    registration: Registration,
    executor: Executor | None,
) -> Handler:
    """A handler that asks the interceptors, the first one outermost, and runs what they give."""
    innermost = registration.method_handler
    own_handler = registration.handler(executor)

    async def intercepted(request: Any, call: Call) -> Any:
        details = CallDetails(call.method.name, call.metadata)
        chosen = await _ask(interceptors, innermost, details)
        if chosen is None:
            await call.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        if chosen is innermost:
            return await own_handler(request, call)
        reply = await method_handler_behaviour(chosen, executor)(request, call)
        if not registration.server_streaming or chosen.response_streaming:
            return reply
        # One handler that refuses is often given for methods of all kinds.
        await call.write(reply)
        return None

    return intercepted


async def _ask(
    interceptors: Sequence[grpc.aio.ServerInterceptor], innermost: Any, details: CallDetails
) -> Any:
    if not interceptors:
        return innermost

    async def continuation(changed: Any) -> Any:
        return await _ask(interceptors[1:], innermost, changed)

    return await interceptors[0].intercept_service(continuation, details)
