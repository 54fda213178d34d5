"""The road of a call, bound once for each method: guards, handler, observers."""

from collections.abc import Awaitable, Callable, Iterable
from typing import final

from blrcs_native.calls.call import Call
from blrcs_native.calls.interfaces import Handler
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.guard import Guard
from blrcs_native.load.overload import MethodLoad

@final
class Pipeline:
    """Takes the calls of one method from admission to their status.

    ``guards`` are asked before anything of the body is read, ``body_guards`` for every message of
    the request once it is parsed. ``handler`` has all middleware around it already. An observer may
    define ``on_start(call)``, ``on_end(call)`` and ``on_failure(call, error)``; the last is told of
    errors that nothing else turned into a status. What an observer raises goes to
    ``sys.unraisablehook``.

    ``direct`` answers what it can of a unary method without the handler, behind the same guards;
    transports that can have it do so ask it first. ``load`` has a say in whether a call may run
    now: before the guards, but for calls that may be answered directly, and right before the
    handler, which keeps a place until the call ends. ``map_error`` gives the status of what the
    handler raises; without it that is INTERNAL.

    A stream passes the guards for authentication and authorization again at each message, so that
    it ends when its token or its permission does.

    Raises:
        TypeError: Something in ``guards`` is not a Guard.
    """

    def __init__(
        self,
        method: Method,
        handler: Handler,
        *,
        guards: Iterable[Guard] = (),
        body_guards: Iterable[Guard] = (),
        observers: Iterable[object] = (),
        direct: DirectHandler | None = None,
        load: MethodLoad | None = None,
        map_error: Callable[[Call, Exception], Rejection] | None = None,
    ) -> None: ...
    @property
    def method(self) -> Method: ...
    @property
    def head_guards(self) -> tuple[Guard, ...]: ...
    @property
    def body_guards(self) -> tuple[Guard, ...]: ...
    @property
    def direct(self) -> DirectHandler | None: ...
    def admit(self, call: Call) -> Rejection | Awaitable[Rejection | None] | None:
        """Asks the guards that need only metadata, and does nothing else."""
    async def serve(self, call: Call, body: bytes | None = None) -> bytes | None:
        """Runs the call to its end.

        ``body`` is the request where the client sends one message. Returns the reply's bytes, or
        None where the server streams or the call was rejected: then ``call.rejection`` or the code
        that the handler set says with what status it ends.

        Raises:
            asyncio.CancelledError: The task was cancelled.
        """
