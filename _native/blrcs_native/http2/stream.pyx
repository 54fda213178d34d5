"""One RPC as HTTP/2 carries it: the stream below a Call, with grpc.aio.ServicerContext's terms.

It is what `blrcs_native.calls.interfaces.CallStream` describes, and keeps to one event loop.
"""

from asyncio import CancelledError

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t

from blrcs_native.calls.message_stream cimport MessageStream
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.large_message cimport LargeMessage
from blrcs_native.http2.message_problems cimport (
    CUT_OFF, FLAG_UNKNOWN, MALFORMED_ENCODING, NOT_ENCODED, too_large,
)
from blrcs_native.http2.messages cimport Inflation, accepted, compressed, encoding_name
from blrcs_native.http2.octets cimport octets_clear, octets_free, octets_size, octets_take
from blrcs_native.http2.outbox cimport (
    PREFIX_BYTES, outbox_free, outbox_put, outbox_size, prefixed_bytes,
)
from blrcs_native.http2.reply_fields cimport checked_fields
from blrcs_native.http2.timer_wheel cimport timer_drop
from blrcs_native.http2.wire cimport percent_encoded

cdef enum:
    COMPRESSED = 1
    # After so long a message that is inflated waits for the others' turns.
    INFLATION_NS = 50_000


@cython.final
cdef class Stream(MessageStream):
    def __cinit__(self):
        self.message_bytes = -1
        self.status = -1
        self.alive = True

    def __dealloc__(self):
        timer_drop(&self.timer)
        octets_free(&self.input)
        outbox_free(&self.output)

    @property
    def eof(self):
        return self.listener.eof

    @property
    def abort_error(self):
        return self.listener.abort_error

    cdef object started(self, object request):
        return self.pipeline.enter(self.call, request)

    cdef object concluded(self, object result, object error):
        return self.pipeline.concluded(self.call, result, error, True)

    cdef void finished(self, object result, object error) except *:
        self.listener.ended(self, result, error)

    cdef void answered(self, object answer) except *:
        self.listener.answered(self, answer)

    # The request ----------------------------------------------------------------------------------

    cdef Rejection input_problem(self):
        """Looks at the prefix of the next message before anything is allocated for it."""
        cdef unsigned char* data
        cdef Py_ssize_t size
        if self.message_bytes >= 0 or octets_size(&self.input) < PREFIX_BYTES:
            return None
        data = self.input.data + self.input.start
        size = prefixed_bytes(data)
        if data[0] > COMPRESSED:
            return FLAG_UNKNOWN
        if size > self.link.max_receive_bytes:
            self.link.too_large(False)
            return too_large(size, self.link.max_receive_bytes)
        if data[0] == COMPRESSED and (
            self.request_encoding is None or self.request_encoding == "identity"
        ):
            return NOT_ENCODED
        self.message_bytes = size
        return None

    cdef void fill_large(self) except *:
        """The next message, whose prefix is there, is filled in a place of its own."""
        cdef unsigned char* data = self.input.data + self.input.start
        self.large = LargeMessage(self.message_bytes, data[0] == COMPRESSED)
        octets_take(&self.input, PREFIX_BYTES + self.large.fill(
            data + PREFIX_BYTES, octets_size(&self.input) - PREFIX_BYTES
        ))

    cdef Py_ssize_t missing_bytes(self) noexcept:
        """Of the message that is being filled."""
        return 0 if self.large is None else self.large.missing

    cdef bint has_news(self) noexcept:
        """Whether there may be something to do for who reads the request."""
        if self.request_ended or self.inflation is not None:
            return True
        if self.large is not None:
            return self.large.missing == 0
        return octets_size(&self.input) > 0

    cdef bint keep_out(self) except -1:
        """Keeps it from beginning while replies are not taken; false where it goes on.

        One whose client is gone needs no room, and its handler goes on in vain. What is being
        inflated has the turn, for which others wait; what is not yet lets them go first.
        """
        if not self.alive or self.handling or self.inflation is not None:
            return False
        self.lay_inflation_aside()
        return True

    cdef void drop_input(self) except *:
        octets_clear(&self.input)
        self.large = None
        if self.wants_inflation:
            self._drop_inflation()

    cdef bint message_ready(self) except -1:
        """Whether the next message is there as a whole."""
        cdef Rejection problem
        if self.large is not None:
            return self.large.missing == 0
        problem = self.input_problem()
        if problem is not None:
            raise self.abort_error(problem)
        return (
            self.message_bytes >= 0
            and octets_size(&self.input) >= PREFIX_BYTES + self.message_bytes
        )

    cdef bint is_one_plain_message(self) except -1:
        """Whether the request is one whole message, not compressed, and nothing else."""
        cdef Py_ssize_t size = self.plain_bytes()
        return size >= 0 and octets_size(&self.input) == PREFIX_BYTES + size

    cdef Py_ssize_t plain_bytes(self) noexcept:
        """The size of the next message where it is there, as a whole and not compressed, and may be.

        -1 says that more has to be looked at.
        """
        cdef unsigned char* data
        cdef Py_ssize_t size, held = octets_size(&self.input) - PREFIX_BYTES
        if held < 0 or self.large is not None or self.inflation is not None:
            return -1
        data = self.input.data + self.input.start
        size = prefixed_bytes(data)
        return size if data[0] == 0 and size <= held and size <= self.link.max_receive_bytes else -1

    cdef bytes next_message(self):
        """None where it is not there yet; AbortError where the client's bytes are no messages."""
        cdef bytes body
        cdef Py_ssize_t size = self.plain_bytes()
        if size < 0:
            return self._next_unusual()
        body = self._cut_off(size)
        self._taken()
        return body

    cdef bytes _cut_off(self, Py_ssize_t size):
        """The body of the message that the input begins with."""
        cdef bytes body = PyBytes_FromStringAndSize(
            <char*>self.input.data + self.input.start + PREFIX_BYTES, size
        )
        octets_take(&self.input, PREFIX_BYTES + size)
        return body

    cdef void _taken(self) except *:
        self.message_bytes = -1
        self.owing_since_ns = 0
        self.link.taken(self)

    cdef bytes _next_unusual(self):
        """One that is not there as a whole, is compressed or large, or is none."""
        cdef bytes body
        cdef bint is_packed
        if self.inflation is not None:
            return self._inflated()
        if not self.message_ready():
            if self.request_ended and (octets_size(&self.input) > 0 or self.large is not None):
                raise self.abort_error(CUT_OFF)
            return None
        if self.large is not None:
            is_packed = self.large.is_packed
        else:
            is_packed = self.input.data[self.input.start] == COMPRESSED
        if is_packed:
            self.wants_inflation = True
            if self.finished_reply or not self.link.inflation_turns.take(self):
                return None
        if self.large is not None:
            body, self.large = self.large.body, None
        else:
            body = self._cut_off(self.message_bytes)
        self._taken()
        if not is_packed:
            return body
        self.inflation = Inflation(self.request_encoding, body)
        return self._inflated()

    cdef bytes _inflated(self):
        """The message that is being inflated, or None where that takes another turn."""
        cdef Py_ssize_t max_bytes = self.link.max_receive_bytes
        cdef Inflation inflation = self.inflation
        if self.finished_reply or not self.link.inflation_turns.take(self):
            return None
        try:
            if not inflation.run(max_bytes, monotonic_ns() + INFLATION_NS):
                self.link.come_back(self)
                return None
        except ValueError:
            self._drop_inflation()
            raise self.abort_error(MALFORMED_ENCODING) from None
        self._drop_inflation()
        if inflation.is_too_large:
            self.link.too_large(True)
            raise self.abort_error(too_large(f"more than {max_bytes}", max_bytes))
        return inflation.plain()

    cdef void lay_inflation_aside(self) except *:
        """Nobody reads the message that is to be inflated: others go first."""
        if self.wants_inflation:
            if self.inflation is not None:
                self.inflation.begin_again()
            self._give_turn_back()

    cdef void _drop_inflation(self) except *:
        self.wants_inflation = False
        self.inflation = None
        self._give_turn_back()

    cdef void _give_turn_back(self) except *:
        waited = self.link.inflation_turns.leave(self)
        if waited is not None:
            self.link.come_back(waited)

    cdef object take_message(self):
        body = self.next_message()
        if body is None and self.request_ended and not self.wants_inflation:
            return self.listener.eof
        return body

    async def read(self):
        while True:
            body = self.take_message()
            if body is not None:
                return body
            if self.reader is not None:
                raise self.listener.usage_error("one read at a time")
            self._check_open()
            self.link.gather(self)
            self.reader = self.listener.loop.create_future()
            try:
                await self.reader
            except BaseException:
                self.lay_inflation_aside()
                raise
            finally:
                self.reader = None

    cdef void wake_reader(self) except *:
        if self.reader is not None and not self.reader.done():
            self.reader.set_result(None)

    # The reply ------------------------------------------------------------------------------------

    async def send_initial_metadata(self, initial_metadata):
        if self.reply_begun or self.initial_metadata_sent is not None:
            raise self.listener.usage_error("Send initial metadata failed: already sent")
        self.initial_metadata = checked_fields(initial_metadata)
        self.initial_metadata_sent = initial_metadata
        self._check_open()
        self.link.begin_reply(self)

    cdef bint put_message(self, bytes body) except -1:
        self._check_open()
        self.append_message(body)
        return self.has_room()

    cdef bint has_room(self) noexcept:
        """Whether a writer may go on: a stream's share is smaller where others have written much."""
        cdef Py_ssize_t size = outbox_size(&self.output)
        return size <= OUTPUT_LOW_BYTES or (
            size <= OUTPUT_HIGH_BYTES and self.link.unsent <= self.link.max_unsent_bytes
        )

    async def write(self, body):
        if not self.put_message(body):
            await self.drained()

    async def drained(self):
        """Waits until little is left of what was written."""
        while not self.has_room() and self.alive:
            if self.writer is not None:
                raise self.listener.usage_error("one write at a time")
            self.writer = self.listener.loop.create_future()
            try:
                await self.writer
            finally:
                self.writer = None

    cdef void settle_encoding(self) except *:
        """What the client does not accept is not used."""
        if self.reply_encoding is not None and not self.reply_begun:
            self.reply_encoding = accepted(self.reply_encoding, self.accepted_encodings)

    cdef void append_message(self, bytes body) except *:
        self.put_last_message(body)
        self.link.send_on(self)

    cdef void put_last_message(self, bytes body) except *:
        """Leaves it to `finish`, which has to follow, that it is sent."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
        cdef bytes small
        cdef unsigned char flag = 0
        self.settle_encoding()
        if self.reply_encoding is not None and not self.plain_next:
            small = compressed(self.reply_encoding, body)
            if PyBytes_GET_SIZE(small) < size:
                body = small
                size = PyBytes_GET_SIZE(body)
                flag = COMPRESSED
        self.plain_next = False
        outbox_put(&self.output, body, flag)
        self.link.unsent += PREFIX_BYTES + size
        if self.stalled_since_ns == 0:
            self.stalled_since_ns = self.link.turn_ns or monotonic_ns()

    cdef void finish(self, int status, object message, object trailers) except *:
        """Ends the reply; what has been written goes out before the status."""
        if self.finished_reply or not self.alive:
            return
        self.finished_reply = True
        self.lay_inflation_aside()
        self.status = status
        self.status_message = percent_encoded(message) if message else None
        if trailers:
            self.trailers = trailers
        self.link.send_on(self)

    cdef void wake_writer(self) except *:
        if self.writer is not None and not self.writer.done():
            self.writer.set_result(None)

    cdef void _check_open(self) except *:
        """A handler that has not noticed yet that its call is over is told as by cancellation."""
        if not self.alive or self.finished_reply:
            raise CancelledError("the call is over")

    # The call -------------------------------------------------------------------------------------

    cdef void cancel_handler(self) except *:
        if self.eager is not None:
            self.eager.cancel()

    cdef void tell_done(self) except *:
        callbacks, self.callbacks = self.callbacks, None
        for callback in callbacks or ():
            self.listener.loop.call_soon(callback, self)

    cdef void let_go(self) except *:
        """Drops what refers back to the stream, so that nothing waits for the collector."""
        if self.wants_inflation:
            self._drop_inflation()
        self.call = None
        self.pipeline = None
        self.eager = None
        self.late = None

    def set_trailing_metadata(self, trailing_metadata):
        checked = checked_fields(trailing_metadata)
        self.given_trailers = tuple(trailing_metadata or ())
        if not self.finished_reply:
            self.trailers = checked

    def trailing_metadata(self):
        return self.given_trailers or ()

    def set_code(self, code):
        self.code_set = code

    def code(self):
        return self.code_set

    def set_details(self, details):
        self.details_set = details

    def details(self):
        return self.details_set or ""

    def peer(self):
        return self.link.peer

    def peer_identities(self):
        return None if self.link.identity is None else self.link.identity.identities

    def peer_identity_key(self):
        return None if self.link.identity is None else self.link.identity.key

    def auth_context(self):
        return {} if self.link.identity is None else dict(self.link.identity.context)

    def time_remaining(self):
        if self.deadline_ns == 0:
            return None
        return max(0.0, <double>(self.deadline_ns - monotonic_ns()) / 1e9)

    def cancelled(self):
        return self.is_cancelled

    def done(self):
        return self.finished_reply or not self.alive

    def add_done_callback(self, callback):
        if self.done():
            self.listener.loop.call_soon(callback, self)
            return
        if self.callbacks is None:
            self.callbacks = []
        self.callbacks.append(callback)

    def set_compression(self, compression):
        if self.reply_begun:
            raise RuntimeError("Compression can only be set before sending initial metadata")
        self.reply_encoding = encoding_name(compression)

    def disable_next_message_compression(self):
        self.plain_next = True
