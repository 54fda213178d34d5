"""The C face of what a status without messages is written as."""

from libc.stdint cimport uint8_t

from blrcs_native.http2.stream cimport Stream

cdef enum:
    # Longer ones are left to nghttp2, which divides heads among frames.
    MOST_LITERAL_BYTES = 4096


cdef Py_ssize_t status_size(Stream stream) noexcept
cdef uint8_t* put_status(uint8_t* at, Stream stream) noexcept
