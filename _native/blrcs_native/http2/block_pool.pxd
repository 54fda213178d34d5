"""The C face of the memory that sessions and streams are made of."""

from blrcs_native.http2.nghttp2 cimport nghttp2_mem


# As realloc and free, with the interpreter's lock held; the last argument is nghttp2's.
cdef void* take_more(void* memory, size_t size, void* user_data) noexcept nogil
cdef void give_back(void* memory, void* user_data) noexcept nogil
cdef nghttp2_mem* session_memory() noexcept
