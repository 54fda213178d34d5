"""The C face of the messages that a client streams."""

from blrcs_native.calls.awaitables cimport Ready
from blrcs_native.calls.call cimport Call, Receiver


cdef class Requests(Receiver):
    cdef Call _call
    cdef Ready _ready
    # The two messages that the handler was given last, and how often each has been filled anew.
    cdef object _latest
    cdef object _earlier
    cdef int _latest_uses
    cdef int _earlier_uses
