"""The C face of streams that need not wait for every message."""

from blrcs_native.http2.eager_task cimport Runner


cdef class MessageStream(Runner):
    # What `set_code` was given.
    cdef object code_set

    cdef object take_message(self)
    cdef bint put_message(self, bytes body) except -1
