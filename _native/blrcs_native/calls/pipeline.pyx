"""The road of a call, bound once for each method: guards, handler, observers."""

import asyncio

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.end_hook cimport EndHook
from blrcs_native.calls.method cimport Method
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.calls.requests cimport Requests
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.direct.late_answer cimport LateAnswer
from blrcs_native.guards.guard cimport Guard, ask
from blrcs_native.limits.charge cimport Charge
from blrcs_native.load.overload cimport MethodLoad

from blrcs_native.calls.rejection import AbortError, explained

cdef Rejection CANCELLED = explained(1, "transport", "CALL_CANCELLED", "the call was cancelled")
cdef Rejection DEADLINE_EXCEEDED = explained(
    4, "transport", "DEADLINE_EXCEEDED", "the deadline passed before the reply was ready"
)
cdef Rejection FAILED = explained(13, "handler", "INTERNAL", "internal error")
cdef Rejection NO_REQUEST = explained(
    12, "transport", "REQUEST_MISSING", "the method takes one message, and none was sent"
)


cdef Rejection late_or_cancelled(Call call):
    remaining = call.stream.time_remaining()
    return DEADLINE_EXCEEDED if remaining is not None and remaining <= 0 else CANCELLED


cdef tuple hooks(observers, str name):
    return tuple(
        hook for hook in (getattr(observer, name, None) for observer in observers) if hook
    )


cdef void show_request(Call call, const unsigned char* body, Py_ssize_t size) noexcept:
    """Observers are to see on what something was refused."""
    if call.request is None and call.method.parse is not None:
        try:
            call.request = call.method.parse(<bytes>body[:size])
        except Exception:
            pass  # what is no message names nothing


cdef inline bint is_too_large(Call call, object reply) noexcept:
    return type(reply) is bytes and PyBytes_GET_SIZE(<bytes>reply) > call.max_send_bytes


cdef void tell(hook, Call call) noexcept:
    """What an observer raises goes to sys.unraisablehook: no call pays for it."""
    if type(hook) is not EndHook:
        hook(call)
    elif (<EndHook>hook).wants(call):
        (<EndHook>hook).hook(call)


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
    def __init__(
        self,
        Method method not None,
        handler,
        *,
        guards=(),
        body_guards=(),
        observers=(),
        DirectHandler direct=None,
        MethodLoad load=None,
        map_error=None,
    ):
        for guard in (*guards, *body_guards):
            if not isinstance(guard, Guard):
                raise TypeError(f"{guard!r} is not a Guard")
        self.method = method
        self.head_guards = tuple(guards)
        self.body_guards = tuple(body_guards)
        self.standing_guards = standing(method, self.head_guards, self.body_guards)
        self.handler = handler
        self.direct = direct
        self.load = load
        self.map_error = map_error
        observers = tuple(observers)
        self.on_start = hooks(observers, "on_start")
        self.on_end = hooks(observers, "on_end")
        self.on_failure = hooks(observers, "on_failure")

    def admit(self, Call call):
        return ask(self.head_guards, call, 0)

    async def serve(self, Call call, body=None):
        remaining = call.stream.time_remaining()
        if remaining is not None and remaining <= 0:
            self.turn_away(call, DEADLINE_EXCEEDED)
            return None
        verdict = self.begin(call)
        if type(verdict) is Rejection:
            self.refuse(call, <Rejection>verdict)
            return None
        return await self.conclude(call, None, self.request_after(call, body, verdict))

    # The steps of a call, for transports that take them one by one: `turn_away`; or `begin`, then, if
    # it gives one itself, `answer`, else `refuse`, `give_up` or `conclude`, once.

    cdef object begin(self, Call call):
        """Counts the call in and asks the guards that need only metadata.

        None, a Rejection, or an awaitable of either.
        """
        cdef Rejection rejection
        self._begin(call)
        # What is answered at once costs no more than a refusal.
        if self.load is not None and (self.direct is None or self.direct.waits):
            rejection = self.load.look(call)
            if rejection is not None:
                return rejection
        try:
            verdict = ask(self.head_guards, call, 0)
        except Exception as error:
            return self._failed(call, error)
        if verdict is None:
            call.body_guards = self.body_guards
            call.standing_guards = self.standing_guards
        return verdict

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        """Ends the call without its handler, where that can be: the reply's bytes or a Rejection.

        With None nothing has happened. A LateAnswer is followed by `answer_late`, `refuse` or
        `give_up`.
        """
        cdef Rejection rejection
        if self.direct is None or call.wants_message:
            return None
        try:
            answered = self.direct.answer(call, body, size)
        except Exception as error:
            answered = self._failed(call, error)
        if answered is None:
            return None
        if type(answered) is LateAnswer:
            rejection = None if self.load is None else self.load.enter(call)
            if rejection is None:
                return answered
            (<LateAnswer>answered).drop()
            answered = rejection
        elif type(answered) is Rejection and (<Rejection>answered).stage == "authorization":
            show_request(call, body, size)
        self.answer_late(call, answered)
        return answered

    cdef void answer_late(self, Call call, object answered) except *:
        """Ends the call with a reply's bytes or a Rejection."""
        if self.method.metrics is not None:
            self.method.metrics.received()
        if type(answered) is Rejection:
            self.refuse(call, <Rejection>answered)
            return
        if is_too_large(call, answered):
            self.refuse(call, call.too_large_to_send(len(answered)))
            return
        if self.method.metrics is not None:
            self.method.metrics.sent()
        self._finish(call)

    cdef object accept(self, Call call, bytes body):
        """Parses the only message of the client's and asks the guards that read it.

        None, a Rejection, or an awaitable of either.
        """
        try:
            return call.accept(body, None)
        except AbortError as aborted:  # a guard has asked for a message that cannot be made
            return aborted.rejection
        except Exception as error:
            return self._failed(call, error)

    cdef void turn_away(self, Call call, Rejection rejection) except *:
        """Counts in and ends a call that its transport refuses: no guard is asked, no limit taken."""
        self._begin(call)
        self.refuse(call, rejection)

    cdef void refuse(self, Call call, Rejection rejection) except *:
        """Ends a call that has begun, before its handler."""
        call.reject(rejection)
        self._finish(call)

    cdef void give_up(self, Call call) except *:
        """Ends a call whose client gave up before its handler began."""
        self.refuse(call, late_or_cancelled(call))

    async def request_after(self, Call call, body, verdict):
        """What the handler is given, once guards that wait have admitted the call."""
        if verdict is not None:
            verdict = await verdict
            if verdict is not None:
                raise AbortError(verdict)
        call.body_guards = self.body_guards
        call.standing_guards = self.standing_guards
        if self.method.client_streaming:
            return Requests(call)
        if body is None:
            body = await call.stream.read()
            if body is call.stream.eof:
                raise AbortError(NO_REQUEST)
        return await call.receive(body)

    async def conclude(self, Call call, request, pending):
        """Runs the handler, and ends the call.

        `pending` gives the request where it is not there yet. Returns the reply's bytes, or None
        where the server streams or the call has been rejected.
        """
        cdef bint handling = False
        reply = error = None
        try:
            if pending is not None:
                request = await pending
            handling = True
            handler = self.enter(call, request)
            if handler is not None:
                reply = await handler
        except BaseException as raised:
            error = raised
        outcome = self.concluded(call, reply, error, handling)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    # What `conclude` is made of, for who runs a handler's own coroutine: `enter`, then `concluded`.

    cdef object enter(self, Call call, object request):
        """The handler's awaitable; None where it has no place, and the call has been rejected."""
        cdef Rejection rejection
        # A place that was taken for a late answer is kept where that declines.
        if self.load is not None and call.place is None:
            rejection = self.load.enter(call)
            if rejection is not None:
                call.reject(rejection)
                return None
        return self.handler(request, call)

    cdef object concluded(self, Call call, object reply, object error, bint handling):
        """Ends the call, with what its handler has returned or raised.

        Gives what `conclude` does, or what is to be raised.
        """
        cdef Method method = self.method
        try:
            if error is not None:
                raise error
            if method.server_streaming or call.rejection is not None:
                return None
            if reply is None and call.status():
                return None
            if method.serialize is not None:
                reply = method.serialize(reply)
            elif reply is None:
                # As in grpc.aio: a unary call that is well has a message.
                reply = b""
            if type(reply) is not bytes and call.messages is not None:
                raise TypeError(f"a message is sent as bytes, and this is {type(reply).__name__}")
            if is_too_large(call, reply):
                call.reject(call.too_large_to_send(len(reply)))
                return None
            if method.metrics is not None:
                method.metrics.sent()
            return reply
        except AbortError as aborted:
            call.reject(aborted.rejection)
            return None
        except asyncio.CancelledError as cancelled:
            call.reject(late_or_cancelled(call))
            return cancelled
        except Exception as failure:
            if handling and self.map_error is not None:
                self._map(call, failure)
            else:
                self._failed(call, failure)
            return None
        except BaseException as ending:
            return ending
        finally:
            self._finish(call)

    cdef void _map(self, Call call, object error) except *:
        """The status of what a handler raised."""
        try:
            call.reject(self.map_error(call, error))
        except Exception as failure:
            self._failed(call, failure)

    cdef Rejection _failed(self, Call call, object error):
        call.reject(FAILED)
        for hook in self.on_failure:
            hook(call, error)
        return FAILED

    cdef void _begin(self, Call call) except *:
        if self.method.metrics is not None:
            self.method.metrics.started()
        for hook in self.on_start:
            tell(hook, call)

    cdef void _finish(self, Call call) except *:
        cdef int64_t now_ns
        if call.releases is not None:
            for charge in call.releases:
                (<Charge>charge).release()
            call.releases = None
        # Observers ask for it too, and a transport may be slow to tell.
        call.ended_code = call.status()
        now_ns = call.ended_ns = monotonic_ns()
        if call.place is not None:
            (<MethodLoad>call.place).leave(call, now_ns)
        if self.method.metrics is not None:
            self.method.metrics.handled(call.ended_code, now_ns - call.started_ns)
        for hook in self.on_end:
            tell(hook, call)
