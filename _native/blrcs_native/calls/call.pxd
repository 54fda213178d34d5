"""The C face of calls."""

from libc.stdint cimport int64_t, uint64_t

from blrcs_native.calls.message_stream cimport MessageStream
from blrcs_native.calls.method cimport Method
from blrcs_native.calls.rejection cimport Rejection


cdef class Principal:
    cdef readonly str name
    cdef readonly str session
    cdef readonly str token_id
    cdef readonly object claims
    cdef readonly tuple groups
    cdef readonly frozenset scope
    # Who has the same is the same in all of this; 0 where that cannot be told.
    cdef uint64_t serial


cdef class Receiver:
    """How octets become a request, and a request an awaitable; None where in no way of its own."""

    cdef object parsed(self, Method method, bytes body)
    cdef object given(self, object request)


cdef class Call:
    cdef readonly Method method
    cdef readonly object stream
    # The same where it is one, whose messages need no coroutine.
    cdef MessageStream messages
    cdef readonly object metadata
    cdef readonly str peer_address
    cdef readonly int64_t started_ns
    # When its first bytes were read; 0 where the transport does not tell.
    cdef int64_t arrived_ns
    cdef public Principal principal
    cdef public object request
    cdef readonly Rejection rejection
    cdef readonly list shadowed
    # What limits took before authentication; the limits after it give it back when they refuse.
    cdef list charges
    # What must happen when the call ends, such as releasing a concurrency limit.
    cdef list releases
    # The place that its handler takes among all that run (a MethodLoad), since when, and where its
    # caller's calls are counted.
    cdef object place
    cdef int64_t entered_ns
    cdef dict place_counts
    cdef str place_key
    # Guards that every message of the request passes once it is parsed.
    cdef tuple body_guards
    # Guards that a stream passes again at every message.
    cdef tuple standing_guards
    # Whether the caller may depends on what the request says beside the resource it names.
    cdef bint wants_message
    # The handler has called `abort`.
    cdef bint aborted
    # The largest message that is sent.
    cdef Py_ssize_t max_send_bytes
    # The code that the call ended with; -1 while it runs. When it ended; 0 until then.
    cdef int ended_code
    cdef int64_t ended_ns

    cdef int status(self) except -1
    cdef Rejection too_large_to_send(self, Py_ssize_t size)
    cdef void reject(self, Rejection rejection)
    cdef void note_shadow(self, Rejection rejection)
    cdef object accept(self, bytes body, Receiver receiver)
    cdef object next_message(self, bint iterating, Receiver receiver)


cdef Call new_call(
    Method method, MessageStream stream, object metadata, str peer_address, int64_t now_ns,
    Py_ssize_t max_send_bytes
)

cdef Rejection MALFORMED
