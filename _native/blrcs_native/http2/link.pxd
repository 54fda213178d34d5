"""The C face of the connection below a stream."""

from libc.stdint cimport int64_t, uint32_t

from blrcs_native.http2.inflation_turns cimport InflationTurns
from blrcs_native.http2.stream cimport Stream


cdef class Link:
    cdef readonly str peer
    cdef readonly str peer_address
    cdef readonly Py_ssize_t max_receive_bytes
    cdef object identity
    # Bytes of replies that wait to be sent, of all streams.
    cdef Py_ssize_t unsent
    cdef Py_ssize_t max_unsent_bytes
    # Calls whose handlers run, those of streams that are closed too.
    cdef int running
    cdef InflationTurns inflation_turns
    # The time in its turn, as of the last call that it came to; 0 between turns.
    cdef int64_t turn_ns

    cdef void begin_reply(self, Stream stream) except *
    cdef void send_on(self, Stream stream) except *
    cdef void refuse_http(self, Stream stream, bytes http_status) except *
    cdef void reset(self, Stream stream, uint32_t error_code) except *
    cdef void call_ended(self, bint well) except *
    cdef void taken(self, Stream stream) except *
    cdef void gather(self, Stream stream) except *
    cdef void too_large(self, bint inflated) noexcept
    cdef void come_back(self, Stream stream) except *
