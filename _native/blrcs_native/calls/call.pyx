"""The context of one RPC, the same on every transport."""

import sys

cimport cython
from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from blrcs_native.calls.awaitables cimport DONE, raising, ready
from blrcs_native.calls.message_stream cimport MessageStream
from blrcs_native.calls.method cimport Method
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.guards.guard cimport ask
from blrcs_native.http2.reply_fields cimport checked_fields

from blrcs_native.calls.rejection import AbortError, CODE_NAMES, explained


@cython.final
@cython.freelist(64)
cdef class Principal:
    def __init__(
        self,
        str name,
        *,
        str session="",
        str token_id="",
        claims=None,
        tuple groups=(),
        frozenset scope=None,
    ):
        self.name = name
        self.session = session
        self.token_id = token_id
        self.claims = claims
        self.groups = groups
        self.scope = scope

    def __repr__(self):
        return f"Principal({self.name})"


cdef int code_number(object code) except -1:
    # grpc.StatusCode is an enumeration whose values are (number, name).
    value = getattr(code, "value", code)
    if type(value) is tuple:
        value = value[0]
    if type(value) is not int or not 0 <= value < len(CODE_NAMES):
        raise ValueError(f"{code!r} is not a status code")
    return value


cdef bytes bytes_of(Method method, object body):
    """What is sent for what is no bytes: as in grpc.aio, nothing is an empty message."""
    if body is None and method.serialize is None:
        return b""
    raise TypeError(f"a message is sent as bytes, and this is {type(body).__name__}")


cdef class Receiver:
    cdef object parsed(self, Method method, bytes body):
        raise NotImplementedError

    cdef object given(self, object request):
        raise NotImplementedError


@cython.final
@cython.freelist(64)
cdef class Call:
    def __init__(
        self,
        Method method not None,
        stream,
        metadata,
        str peer_address,
        *,
        Py_ssize_t max_send_bytes=sys.maxsize,
    ):
        self.method = method
        self.stream = stream
        self.messages = stream if isinstance(stream, MessageStream) else None
        self.metadata = metadata
        self.peer_address = peer_address
        self.started_ns = monotonic_ns()
        self.body_guards = ()
        self.standing_guards = ()
        self.max_send_bytes = max_send_bytes
        self.ended_code = -1

    cdef void reject(self, Rejection rejection):
        if self.rejection is None:
            self.rejection = rejection

    cdef void note_shadow(self, Rejection rejection):
        if self.shadowed is None:
            self.shadowed = []
        self.shadowed.append(rejection)

    @property
    def elapsed_ns(self):
        return monotonic_ns() - self.started_ns

    @property
    def status_code(self):
        return self.status()

    cdef int status(self) except -1:
        """The code that it ended with, or would end with now."""
        if self.ended_code >= 0:
            return self.ended_code
        if self.rejection is not None:
            return self.rejection.code
        code = self.stream.code() if self.messages is None else self.messages.code_set
        return 0 if code is None else code_number(code)

    cdef Rejection too_large_to_send(self, Py_ssize_t size):
        return explained(
            8, "transport", "REPLY_TOO_LARGE",
            f"Sent message larger than max ({size} vs. {self.max_send_bytes})",
        )

    # What follows is grpc.aio.ServicerContext's interface.

    def read(self):
        return self.next_message(False, None)

    cdef object next_message(self, bint iterating, Receiver receiver):
        """An awaitable of the next message; after the last, of `eof` or StopAsyncIteration."""
        if self.aborted:
            return raising(self.stream.abort_error(self.rejection))
        if self.messages is None:
            return self._read(iterating)
        try:
            body = self.messages.take_message()
        except AbortError as error:
            return raising(error)
        if body is None:
            return self._read(iterating)
        if type(body) is not bytes:
            return raising(StopAsyncIteration()) if iterating else ready(body)
        if self.standing_guards:
            verdict = ask(self.standing_guards, self, 0)
            if verdict is not None:
                return self._stand_and_receive(body, verdict)
        verdict = self.accept(<bytes>body, receiver)
        if verdict is not None:
            return self._judged(verdict)
        return ready(self.request) if receiver is None else receiver.given(self.request)

    async def _read(self, bint iterating):
        body = await self.stream.read()
        if body is self.stream.eof:
            if iterating:
                raise StopAsyncIteration
            return body
        if self.standing_guards:
            verdict = ask(self.standing_guards, self, 0)
            if verdict is not None:
                await self._judged(verdict)
        return await self.receive(body)

    async def _stand_and_receive(self, bytes body, object verdict):
        await self._judged(verdict)
        return await self.receive(body)

    async def receive(self, body):
        """Parses one message and has it pass the guards that read messages."""
        verdict = self.accept(body, None)
        return self.request if verdict is None else await self._judged(verdict)

    async def _judged(self, verdict):
        if type(verdict) is not Rejection:
            verdict = await verdict
        if verdict is not None:
            self.reject(verdict)
            raise self.stream.abort_error(verdict)
        return self.request

    cdef object accept(self, bytes body, Receiver receiver):
        """Parses one message and asks the guards that read messages.

        None, a Rejection, or an awaitable of either.
        """
        cdef Method method = self.method
        if method.metrics is not None:
            method.metrics.received()
        if method.parse is None:
            self.request = body
        else:
            try:
                self.request = (
                    method.parse(body) if receiver is None else receiver.parsed(method, body)
                )
            except Exception:
                return MALFORMED
        return ask(self.body_guards, self, 0) if self.body_guards else None

    def write(self, message):
        cdef Method method = self.method
        if self.aborted:
            return raising(self.stream.abort_error(self.rejection))
        body = message if method.serialize is None else method.serialize(message)
        if type(body) is not bytes and self.messages is not None:
            body = bytes_of(method, body)
        if type(body) is bytes and PyBytes_GET_SIZE(<bytes>body) > self.max_send_bytes:
            raise self.stream.abort_error(self.too_large_to_send(PyBytes_GET_SIZE(<bytes>body)))
        if self.standing_guards:
            verdict = ask(self.standing_guards, self, 0)
            if verdict is not None:
                return self._stand_and_write(body, verdict)
        if self.messages is None:
            return self._write(body)
        go_on = self.messages.put_message(body)
        if method.metrics is not None:
            method.metrics.sent()
        return DONE if go_on else self.stream.drained()

    async def _stand_and_write(self, body, verdict):
        await self._judged(verdict)
        await self._write(body)

    async def _write(self, body):
        await self.stream.write(body)
        if self.method.metrics is not None:
            self.method.metrics.sent()

    async def send_initial_metadata(self, initial_metadata):
        if self.aborted:
            raise self.stream.abort_error(self.rejection)
        await self.stream.send_initial_metadata(initial_metadata)

    async def abort(self, code, details="", trailing_metadata=()):
        cdef Rejection rejection
        number = code_number(code)
        if number == 0:
            raise ValueError("a call is not aborted with OK")
        if not self.aborted:
            details = details or self.stream.details() or ""
            trailers = tuple(tuple(pair) for pair in trailing_metadata or ())
            rejection = Rejection(number, "handler", "", details, trailers)
            rejection.packed_trailers = checked_fields(trailers)
            # A handler that suppresses the exception has aborted all the same.
            self.aborted = True
            self.reject(rejection)
            self.stream.set_code(code)
            self.stream.set_details(details)
        raise self.stream.abort_error(self.rejection)

    async def abort_with_status(self, status):
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata):
        if self.aborted:
            # Who adds to what there is has the abort's among it, and those are sent in any case.
            sent = self.rejection.trailers
            trailing_metadata = [
                pair for pair in trailing_metadata or () if tuple(pair) not in sent
            ]
        self.stream.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self):
        given = self.stream.trailing_metadata()
        return (*given, *self.rejection.trailers) if self.aborted else given

    def set_code(self, code):
        code_number(code)
        self.stream.set_code(code)

    def code(self):
        return self.stream.code()

    def set_details(self, str details):
        self.stream.set_details(details)

    def details(self):
        return self.stream.details()

    def invocation_metadata(self):
        return self.metadata

    def peer(self):
        return self.stream.peer()

    def peer_identities(self):
        return self.stream.peer_identities()

    def peer_identity_key(self):
        return self.stream.peer_identity_key()

    def auth_context(self):
        return self.stream.auth_context()

    def time_remaining(self):
        return self.stream.time_remaining()

    def cancelled(self):
        return self.stream.cancelled()

    def done(self):
        return self.aborted or self.stream.done()

    def add_done_callback(self, callback):
        self.stream.add_done_callback(lambda _: callback(self))

    def set_compression(self, compression):
        self.stream.set_compression(compression)

    def disable_next_message_compression(self):
        self.stream.disable_next_message_compression()


cdef Call new_call(
    Method method, MessageStream stream, object metadata, str peer_address, int64_t now_ns,
    Py_ssize_t max_send_bytes
):
    """What the constructor makes, at less cost."""
    cdef Call call = Call.__new__(Call)
    call.method = method
    call.stream = call.messages = stream
    call.metadata = metadata
    call.peer_address = peer_address
    call.started_ns = now_ns
    call.body_guards = ()
    call.standing_guards = ()
    call.max_send_bytes = max_send_bytes
    call.ended_code = -1
    return call


cdef Rejection MALFORMED = explained(
    3, "transport", "REQUEST_MALFORMED", "the request is not a valid message of its type"
)
