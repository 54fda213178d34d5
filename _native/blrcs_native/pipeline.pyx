"""The road of a call, bound once for each method: guards, handler, observers."""

import asyncio

cimport cython

from blrcs_native.call cimport Call
from blrcs_native.charge cimport Charge
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.guard cimport Guard, ask
from blrcs_native.method cimport Method
from blrcs_native.rejection cimport Rejection
from blrcs_native.rejection import AbortError, explained

cdef Rejection CANCELLED = explained(1, "transport", "CALL_CANCELLED", "the call was cancelled")
cdef Rejection DEADLINE_EXCEEDED = explained(
    4, "transport", "DEADLINE_EXCEEDED", "the deadline passed before the reply was ready"
)
cdef Rejection FAILED = explained(13, "handler", "INTERNAL", "internal error")


@cython.final
cdef class Requests:
    """The messages that a client streams, as an async iterator."""

    cdef Call call

    def __cinit__(self, Call call):
        self.call = call

    def __aiter__(self):
        return self

    async def __anext__(self):
        message = await self.call.read()
        if message is self.call.stream.eof:
            raise StopAsyncIteration
        return message


cdef tuple hooks(observers, str name):
    return tuple(
        hook for hook in (getattr(observer, name, None) for observer in observers) if hook
    )


cdef void tell(hook, Call call) noexcept:
    """What an observer raises goes to sys.unraisablehook: no call pays for it."""
    hook(call)


cdef tuple standing(Method method, tuple head_guards, tuple body_guards):
    """The guards that a stream must pass again for each message, since it may outlast its right.

    Those that read a request are among them where there is only one.
    """
    if not (method.client_streaming or method.server_streaming):
        return ()
    guards = head_guards if method.client_streaming else head_guards + body_guards
    return tuple(
        guard
        for guard in guards
        if guard.stage in ("authentication", "authorization") and not guard.shadow
    )


@cython.final
cdef class Pipeline:
    def __init__(self, Method method not None, handler, *, guards=(), body_guards=(), observers=()):
        for guard in (*guards, *body_guards):
            if not isinstance(guard, Guard):
                raise TypeError(f"{guard!r} is not a Guard")
        self.method = method
        self.head_guards = tuple(guards)
        self.body_guards = tuple(body_guards)
        self.standing_guards = standing(method, self.head_guards, self.body_guards)
        self.handler = handler
        observers = tuple(observers)
        self.on_start = hooks(observers, "on_start")
        self.on_end = hooks(observers, "on_end")
        self.on_failure = hooks(observers, "on_failure")

    def admit(self, Call call):
        return ask(self.head_guards, call, 0)

    async def serve(self, Call call, body=None):
        cdef Method method = self.method
        self._begin(call)
        try:
            verdict = ask(self.head_guards, call, 0)
            if verdict is not None and type(verdict) is not Rejection:
                verdict = await verdict
            if verdict is not None:
                call.reject(verdict)
                return None
            call.body_guards = self.body_guards
            call.standing_guards = self.standing_guards
            if method.client_streaming:
                request = Requests(call)
            else:
                request = await call.receive(body)
            reply = await self.handler(request, call)
            if method.server_streaming or call.rejection is not None:
                return None
            if reply is None and call.status_code:
                return None
            if method.serialize is not None:
                reply = method.serialize(reply)
            if method.metrics is not None:
                method.metrics.sent()
            return reply
        except AbortError as error:
            call.reject(error.rejection)
            return None
        except asyncio.CancelledError:
            remaining = call.stream.time_remaining()
            late = remaining is not None and remaining <= 0
            call.reject(DEADLINE_EXCEEDED if late else CANCELLED)
            raise
        except Exception as error:
            call.reject(FAILED)
            for hook in self.on_failure:
                hook(call, error)
            return None
        finally:
            self._finish(call)

    cdef void _begin(self, Call call) except *:
        if self.method.metrics is not None:
            self.method.metrics.started()
        for hook in self.on_start:
            tell(hook, call)

    cdef void _finish(self, Call call) except *:
        if call.releases is not None:
            for charge in call.releases:
                (<Charge>charge).release()
            call.releases = None
        # Observers ask for it too, and a transport may be slow to tell.
        call.ended_code = call.status_code
        if self.method.metrics is not None:
            self.method.metrics.handled(call.ended_code, monotonic_ns() - call.started_ns)
        for hook in self.on_end:
            tell(hook, call)
