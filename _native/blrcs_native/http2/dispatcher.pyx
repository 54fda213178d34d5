"""Makes calls of streams, and runs them.

A call goes from `begun`, where the guards that need only metadata are asked, over `received`, where
its only message is parsed, into its handler, and ends in `ended`. Whatever ends it before that
(`broken`, `lost`, `expired`) goes the same way out, `_release`, once.
"""

import asyncio

cimport cython
from cpython.dict cimport PyDict_GetItemWithError
from cpython.list cimport PyList_AsTuple
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from blrcs_native.calls.call cimport Call, new_call
from blrcs_native.calls.pipeline cimport DEADLINE_EXCEEDED, FAILED, NO_REQUEST, Pipeline
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.calls.requests cimport Requests
from blrcs_native.calls.routes cimport Routes
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.direct.late_answer cimport LateAnswer
from blrcs_native.http2.eager_task cimport EagerTask, TaskPool
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.listener cimport Listener
from blrcs_native.http2.messages cimport ENCODINGS
from blrcs_native.http2.outbox cimport PREFIX_BYTES
from blrcs_native.http2.reply_fields cimport checked_fields
from blrcs_native.http2.request_head cimport HEAD_TIMEOUT, HEAD_TOO_LARGE, NO_PROBLEM
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.timer_wheel cimport Timer, TimerWheel
from blrcs_native.load.overload cimport Overload

from blrcs_native.calls.rejection import AbortError, explained

cdef enum:
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13

cdef Rejection TOO_MUCH_METADATA = explained(
    RESOURCE_EXHAUSTED, "transport", "METADATA_TOO_LARGE",
    "the metadata is larger than the limit",
)
cdef Rejection BAD_TIMEOUT = explained(
    INTERNAL, "transport", "TIMEOUT_MALFORMED", "grpc-timeout is malformed"
)
cdef Rejection BAD_BINARY = explained(
    INTERNAL, "transport", "METADATA_MALFORMED",
    "a -bin field is not base64, or has too many values",
)
cdef Rejection ENCODING_UNKNOWN = explained(
    UNIMPLEMENTED, "transport", "ENCODING_UNKNOWN",
    "the message encoding is not supported; grpc-accept-encoding says what is",
)
cdef Rejection TOO_MANY_CALLS = explained(
    RESOURCE_EXHAUSTED, "transport", "TOO_MANY_CALLS", "Concurrent RPC limit exceeded!"
)
cdef Rejection TOO_MANY_MESSAGES = explained(
    UNIMPLEMENTED, "transport", "REQUEST_REPEATED",
    "the method takes one message, and several were sent",
)


cdef list packed(Rejection rejection):
    """The trailers of a rejection as header fields; remembered, since most are given often."""
    if rejection.packed_trailers is None:
        rejection.packed_trailers = checked_fields(rejection.trailers)
    return rejection.packed_trailers


cdef tuple metadata_of(Stream stream):
    if type(stream.metadata) is tuple:
        return <tuple>stream.metadata
    return () if stream.metadata is None else PyList_AsTuple(<list>stream.metadata)


cdef void deadline_passed(void* owner) noexcept:
    cdef Stream stream = <Stream>owner
    stream.listener.expired(stream)


@cython.final
cdef class Dispatcher(Listener):
    def __cinit__(
        self,
        Routes router not None,
        loop,
        Limits limits not None,
        *,
        eof,
        abort_error=AbortError,
        usage_error=asyncio.InvalidStateError,
        max_calls=None,
        str reply_encoding=None,
        unexpected=None,
        Overload overload=None,
    ):
        self.loop = loop
        self.eof = eof
        self.abort_error = abort_error
        self.usage_error = usage_error
        self.wheel = TimerWheel(loop)
        self._router = router
        self._tasks = TaskPool(loop)
        self.current_task = self._tasks.current_task
        self._limits = limits
        self._max_calls = -1 if max_calls is None else max_calls
        self._reply_encoding = reply_encoding
        self._unexpected = unexpected
        self.overload = overload

    def close(self):
        self._tasks.close()
        self.wheel.close()

    # The way in -----------------------------------------------------------------------------------

    cdef void begun(self, Stream stream) except *:
        cdef Pipeline pipeline
        cdef Rejection rejection
        cdef int64_t now_ns
        if not stream.is_post:
            stream.link.refuse_http(stream, b"405")
            return
        if not stream.is_grpc:
            stream.link.refuse_http(stream, b"415")
            return
        pipeline = None if stream.path is None else self._route(stream.path)
        if pipeline is None:
            stream.finish(UNIMPLEMENTED, "Method not found!", None)
            return
        now_ns = stream.link.turn_ns
        stream.reply_encoding = self._reply_encoding
        stream.pipeline = pipeline
        stream.call = new_call(
            pipeline.method, stream, metadata_of(stream), stream.link.peer_address, now_ns,
            self._limits.max_send_bytes,
        )
        stream.call.arrived_ns = stream.arrived_ns
        stream.active = True
        stream.link.running += 1
        rejection = self._head_rejection(stream, now_ns)
        if rejection is not None:
            pipeline.turn_away(stream.call, rejection)
            self._end_refused(stream, rejection)
            return
        verdict = pipeline.begin(stream.call)
        if type(verdict) is Rejection:
            self._refuse(stream, <Rejection>verdict)
            return
        if stream.deadline_ns != 0:
            self._set_deadline(stream)
        if verdict is not None:
            self._serve(stream, None, pipeline.request_after(stream.call, None, verdict))
        elif pipeline.method.client_streaming:
            self._serve(stream, Requests(stream.call), None)

    cdef Pipeline _route(self, str path):
        """What the router finds; a miss is its to count."""
        cdef PyObject* found = PyDict_GetItemWithError(self._router.pipelines, path)
        return self._router.find(path) if found == NULL else <Pipeline?><object>found

    cdef Rejection _head_rejection(self, Stream stream, int64_t now_ns):
        if stream.head_problem != NO_PROBLEM:
            if stream.head_problem == HEAD_TOO_LARGE:
                return TOO_MUCH_METADATA
            return BAD_TIMEOUT if stream.head_problem == HEAD_TIMEOUT else BAD_BINARY
        if self._is_by_chance_too_large(stream):
            return TOO_MUCH_METADATA
        if stream.request_encoding is not None and stream.request_encoding not in ENCODINGS:
            return ENCODING_UNKNOWN
        if stream.deadline_ns != 0 and stream.deadline_ns <= now_ns:
            return DEADLINE_EXCEEDED
        return TOO_MANY_CALLS if self._is_full() else None

    cdef bint _is_full(self) noexcept:
        """Calls that wait for their request take no place: who is slow to send it could take all."""
        return 0 <= self._max_calls <= self.running

    cdef bint _is_by_chance_too_large(self, Stream stream) noexcept:
        """Between the two limits grpc core refuses the more calls the nearer they are to the hard
        one, so that whoever comes close is told before everything fails."""
        cdef Py_ssize_t soft = self._limits.soft_head_bytes
        cdef Py_ssize_t hard = self._limits.hard_head_bytes
        if stream.head_bytes <= soft or hard <= soft:
            return False
        # The nanoseconds of the clock are chance enough.
        return monotonic_ns() % (hard - soft) < stream.head_bytes - soft

    cdef void _set_deadline(self, Stream stream) except *:
        stream.timer.owner = <void*>stream
        stream.timer.fire = deadline_passed
        self.wheel.schedule(&stream.timer, stream.deadline_ns)

    cdef void received(self, Stream stream) except *:
        if not stream.active:
            return
        if stream.handling:
            if stream.reader is None:
                stream.lay_inflation_aside()
            elif (
                stream.request_ended or stream.inflation is not None or stream.message_ready()
            ):
                stream.wake_reader()
            return
        if not stream.request_ended:
            return
        try:
            if stream.pipeline.direct is not None and self._answer(stream):
                return
        except AbortError as error:
            self.broken(stream, error.rejection)
            return
        self._accept(stream)

    cdef void _accept(self, Stream stream) except *:
        """Parses the only message of the request, and has the handler run."""
        cdef bytes body
        try:
            body = stream.next_message()
            if body is None:
                if not stream.wants_inflation:
                    self._refuse(stream, NO_REQUEST)
                return
        except AbortError as error:
            self.broken(stream, error.rejection)
            return
        if stream.input.end != stream.input.start:
            self._refuse(stream, TOO_MANY_MESSAGES)
            return
        verdict = stream.pipeline.accept(stream.call, body)
        body = None  # the handler has its message
        if verdict is None:
            self._serve(stream, stream.call.request, None)
        elif type(verdict) is Rejection:
            self._refuse(stream, <Rejection>verdict)
        else:
            self._serve(stream, None, admitted_request(stream.call, verdict))

    cdef bint _answer(self, Stream stream) except -1:
        """Whether the pipeline has ended the call without its handler."""
        if not stream.is_one_plain_message():
            return False
        answered = stream.pipeline.answer(
            stream.call,
            stream.input.data + stream.input.start + PREFIX_BYTES,
            stream.input.end - stream.input.start - PREFIX_BYTES,
        )
        if answered is None:
            return False
        if type(answered) is not LateAnswer:
            self._finish_answered(stream, answered)
        elif self._is_full():
            (<LateAnswer>answered).drop()
            self._refuse(stream, TOO_MANY_CALLS)
        else:
            stream.late = <LateAnswer>answered
            stream.handling = True
            self.running += 1
        return True

    cdef void answered(self, Stream stream, object answer) except *:
        if not stream.alive:
            # It has closed, and its connection has not come to tell so yet.
            self.lost(stream)
            return
        self._await_no_more(stream)
        if answer is None:
            self._accept(stream)
            return
        stream.pipeline.answer_late(stream.call, answer)
        self._finish_answered(stream, answer)

    cdef void _finish_answered(self, Stream stream, object answer) except *:
        if type(answer) is Rejection:
            self._finish_with(stream, <Rejection>answer)
        else:
            self._finish_call(stream, answer)
        self._release(stream, True)

    cdef void _await_no_more(self, Stream stream) noexcept:
        if stream.late is not None:
            stream.late.drop()
            stream.late = None
            stream.handling = False
            self.running -= 1

    cdef void _serve(self, Stream stream, object request, object pending) except *:
        cdef EagerTask eager
        if self._is_full():
            if pending is not None:
                pending.close()
            self._refuse(stream, TOO_MANY_CALLS)
            return
        stream.handling = True
        self.running += 1
        if pending is None:
            eager = self._tasks.serve(stream, request)
        else:
            eager = self._tasks.run(stream.pipeline.conclude(stream.call, None, pending), stream)
        if eager is None:
            return
        stream.eager = eager
        if stream.is_cancelled or stream.finished_reply:
            stream.cancel_handler()

    # The ways out ---------------------------------------------------------------------------------

    cdef void _refuse(self, Stream stream, Rejection rejection) except *:
        """Before the handler."""
        stream.pipeline.refuse(stream.call, rejection)
        self._end_refused(stream, rejection)

    cdef void _end_refused(self, Stream stream, Rejection rejection) except *:
        self._finish_with(stream, rejection)
        self._release(stream, True)

    cdef void broken(self, Stream stream, Rejection rejection) except *:
        if not stream.active:
            return
        self._cut_short(stream, rejection)

    cdef void expired(self, Stream stream) except *:
        if stream.active and not stream.finished_reply:
            self._cut_short(stream, DEADLINE_EXCEEDED)

    cdef void _cut_short(self, Stream stream, Rejection rejection) except *:
        self._await_no_more(stream)
        if not stream.handling:
            self._refuse(stream, rejection)
            return
        stream.call.reject(rejection)
        self._finish_with(stream, rejection)
        stream.cancel_handler()

    cdef void lost(self, Stream stream) except *:
        if not stream.active:
            return
        if not stream.finished_reply:
            stream.is_cancelled = True
        stream.wake_writer()
        self._await_no_more(stream)
        if stream.handling:
            stream.cancel_handler()
            return
        stream.pipeline.give_up(stream.call)
        self._release(stream, False)

    cdef void ended(self, Stream stream, object result, object error) except *:
        cdef bint well = not stream.is_cancelled
        try:
            if error is not None and not isinstance(error, asyncio.CancelledError):
                stream.call.reject(FAILED)
                if self._unexpected is not None:
                    self._unexpected(error)
            if stream.alive and not stream.finished_reply:
                self._finish_call(stream, result)
        finally:
            self._release(stream, well)
        if error is not None and isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error

    cdef void _finish_call(self, Stream stream, object reply) except *:
        cdef Call call = stream.call
        cdef int code
        if 0 < stream.link.turn_ns < call.ended_ns:
            # It has just ended, so that its connection need not ask for the time.
            stream.link.turn_ns = call.ended_ns
        if call.rejection is not None:
            self._finish_with(stream, call.rejection)
            return
        code = call.ended_code
        if reply is not None and code == 0:
            try:
                stream.put_last_message(reply)
            except TypeError:
                self._finish_with(stream, FAILED)
                return
        stream.finish(code, text_of(stream.details_set), stream.trailers)

    cdef void _finish_with(self, Stream stream, Rejection rejection) except *:
        cdef list trailers = packed(rejection)
        if stream.trailers:
            trailers = stream.trailers + trailers
        stream.finish(rejection.code, rejection.message, trailers)

    cdef void _release(self, Stream stream, bint well) except *:
        """The call is over; its stream may still have bytes to send."""
        if not stream.active:
            return
        stream.active = False
        if stream.handling:
            stream.handling = False
            self.running -= 1
        self.wheel.cancel(&stream.timer)
        # A task or a thread of the handler's may wait for a message yet.
        stream.wake_reader()
        stream.link.call_ended(well)
        if stream.callbacks is not None:
            stream.tell_done()
        stream.let_go()


cdef str text_of(details):
    if isinstance(details, bytes):
        return details.decode("utf-8", "replace")
    return details or ""


async def admitted_request(Call call, pending):
    """The request, once guards that read it and have to wait have admitted the call."""
    verdict = await pending
    if verdict is not None:
        raise AbortError(verdict)
    return call.request
