"""The C face of streams that need not wait for every message."""

from libc.stdint cimport int64_t

from blrcs_native.http2.eager_task cimport Runner


cdef class MessageStream(Runner):
    # What `set_code` was given.
    cdef object code_set
    # By the monotonic clock; 0 where there is none.
    cdef int64_t deadline_ns

    cdef object take_message(self)
    cdef bint put_message(self, bytes body) except -1
    cdef void answered(self, object answer) except *
