"""Makes calls of streams, and runs them."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import final

from blrcs_native.calls.rejection import AbortError
from blrcs_native.calls.routes import Routes
from blrcs_native.http2.limits import Limits
from blrcs_native.http2.timer_wheel import TimerWheel
from blrcs_native.load.overload import Overload

@final
class Dispatcher:
    """Takes each call from its head to its status; one for all connections of a server.

    Args:
        router: Its ``pipelines`` are the methods'; its ``find(name)`` is asked for other names, and
            gives a pipeline or None.
        loop: The event loop of all connections.
        limits: What the calls of a connection may cost.
        eof: What a handler reads after the last message.
        abort_error: What ``Call.abort`` raises, an AbortError.
        usage_error: What a handler is told by that does what it may not at that time.
        max_calls: Handlers that run at once; calls beyond are refused with RESOURCE_EXHAUSTED. None
            for no limit.
        reply_encoding: What replies are compressed with where the client accepts it.
        unexpected: Told of what is neither a reply nor a status, such as an error of our own.
        overload: Told how long the loop is at work.
    """

    def __init__(
        self,
        router: Routes,
        loop: AbstractEventLoop,
        limits: Limits,
        *,
        eof: object,
        abort_error: type[AbortError] = ...,
        usage_error: type[Exception] = ...,
        max_calls: int | None = None,
        reply_encoding: str | None = None,
        unexpected: Callable[[BaseException], None] | None = None,
        overload: Overload | None = None,
    ) -> None: ...
    @property
    def running(self) -> int:
        """Calls whose handlers run."""
    @property
    def wheel(self) -> TimerWheel: ...
    def close(self) -> None:
        """Lets go of the loop; no connection may be open any more."""
