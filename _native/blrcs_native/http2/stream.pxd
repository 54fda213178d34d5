"""The C face of streams, and what they ask of what is above and below them."""

from libc.stdint cimport int32_t, int64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.message_stream cimport MessageStream
from blrcs_native.calls.pipeline cimport Pipeline
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.late_answer cimport LateAnswer
from blrcs_native.http2.eager_task cimport EagerTask
from blrcs_native.http2.large_message cimport LargeMessage
from blrcs_native.http2.link cimport Link
from blrcs_native.http2.listener cimport Listener
from blrcs_native.http2.messages cimport Inflation
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.outbox cimport Outbox
from blrcs_native.http2.timer_wheel cimport Timer

cdef enum:
    # Above the first, a writer waits until less than the second is left.
    OUTPUT_HIGH_BYTES = 65536
    OUTPUT_LOW_BYTES = 16384


cdef class Stream(MessageStream):
    cdef readonly int32_t id
    # Among those of its connection.
    cdef Py_ssize_t place
    cdef Link link
    cdef Listener listener
    # The request's head.
    cdef readonly str path
    # A list while its head is read, or what another head has given; None for nothing.
    cdef readonly object metadata
    cdef readonly str request_encoding
    cdef str accepted_encodings
    # When its first bytes were read.
    cdef int64_t arrived_ns
    cdef Timer timer
    cdef Py_ssize_t head_bytes
    cdef int head_fields
    cdef int head_problem
    cdef bint is_grpc
    cdef bint is_post
    cdef bint announced
    # The request's messages.
    # What is not taken yet, but for the message that is being filled.
    cdef Octets input
    cdef Py_ssize_t message_bytes
    cdef LargeMessage large
    # It is there and compressed: it is being inflated, or waits for its turn.
    cdef bint wants_inflation
    cdef Inflation inflation
    cdef Py_ssize_t granted_bytes
    # How much of a window its client has used: less than nothing where it was given more.
    cdef Py_ssize_t window_used_bytes
    cdef bint waits_for_grant
    # Since when the client has owed bytes, what had come until then, and what has come in all.
    cdef int64_t owing_since_ns
    cdef Py_ssize_t received_before
    cdef Py_ssize_t received_bytes
    cdef readonly bint request_ended
    cdef bint dirty
    # The reply.
    cdef Outbox output
    cdef list initial_metadata
    cdef object initial_metadata_sent
    cdef object given_trailers
    cdef list trailers
    cdef readonly int status
    cdef bytes status_message
    cdef object details_set
    cdef str reply_encoding
    cdef bint plain_next
    cdef bint reply_begun
    cdef bint reply_deferred
    cdef bint finished_reply
    # The head is one that nghttp2 only has a stand-in for, and the status one that it has nothing of.
    cdef bint head_stands_in
    cdef bint status_is_known
    # The `KnownHead` that it began with, while nghttp2 has not been shown it.
    cdef object hidden_head
    cdef bint alive
    cdef bint reset_here
    cdef int64_t stalled_since_ns
    # The call.
    cdef Pipeline pipeline
    cdef Call call
    cdef EagerTask eager
    # What its direct handler waits for.
    cdef LateAnswer late
    # From its beginning until all that it started has ended.
    cdef bint active
    cdef bint handling
    cdef bint is_cancelled
    cdef object reader
    cdef object writer
    cdef list callbacks

    cdef Py_ssize_t plain_bytes(self) noexcept
    cdef bytes next_message(self)
    cdef bytes _next_unusual(self)
    cdef void _taken(self) except *
    cdef void fill_large(self) except *
    cdef Py_ssize_t missing_bytes(self) noexcept
    cdef bint has_news(self) noexcept
    cdef bint keep_out(self) except -1
    cdef void drop_input(self) except *
    cdef bint message_ready(self) except -1
    cdef bint is_one_plain_message(self) except -1
    cdef Rejection input_problem(self)
    cdef void wake_reader(self) except *
    cdef void wake_writer(self) except *
    cdef void _check_open(self) except *
    cdef void settle_encoding(self) except *
    cdef void append_message(self, bytes body) except *
    cdef void put_last_message(self, bytes body) except *
    cdef void finish(self, int status, object message, object trailers) except *
    cdef void cancel_handler(self) except *
    cdef void tell_done(self) except *
    cdef void let_go(self) except *
    cdef object started(self, object request)
    cdef object concluded(self, object result, object error)
    cdef void finished(self, object result, object error) except *
    cdef bytes _cut_off(self, Py_ssize_t size)
    cdef bytes _inflated(self)
    cdef void lay_inflation_aside(self) except *
    cdef void _drop_inflation(self) except *
    cdef void _give_turn_back(self) except *
    cdef inline bint has_plain_head(self) noexcept:
        """The head of the reply says nothing of its own."""
        return self.reply_encoding is None and not self.initial_metadata

    cdef inline bint has_plain_status(self) noexcept:
        """The status is OK, and says nothing more."""
        return self.status == 0 and self.status_message is None and not self.trailers

    cdef bint has_room(self) noexcept
    cdef object take_message(self)
    cdef bint put_message(self, bytes body) except -1
    cdef void answered(self, object answer) except *
