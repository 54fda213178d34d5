"""The C face of what replies are sent as."""

from libc.stdint cimport int32_t

from blrcs_native.http2.nghttp2 cimport nghttp2_data_source_read_callback, nghttp2_session
from blrcs_native.http2.stream cimport Stream

cdef int submit_head(
    nghttp2_session* session, Stream stream, bint with_status,
    nghttp2_data_source_read_callback read_output
) except -1
cdef void share_connection(nghttp2_session* session, int32_t stream_id) noexcept
cdef void submit_past(
    nghttp2_session* session, int32_t stream_id, Py_ssize_t* message_bytes
) noexcept
cdef int submit_trailers(nghttp2_session* session, Stream stream) except -1
cdef void submit_http_status(
    nghttp2_session* session, int32_t stream_id, bytes http_status
) noexcept
