"""The C face of the memory that sessions are made of."""

from blrcs_native.nghttp2 cimport nghttp2_mem


cdef nghttp2_mem* session_memory() noexcept
