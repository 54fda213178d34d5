"""The C face of sessions."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from blrcs_native.http2.known_heads cimport KnownHead
from blrcs_native.http2.link cimport Link
from blrcs_native.http2.nghttp2 cimport (
    nghttp2_data_source, nghttp2_frame, nghttp2_frame_hd, nghttp2_session,
    nghttp2_session_get_stream_user_data,
)
from blrcs_native.http2.stream cimport Stream


cdef enum:
    # NGHTTP2_ERR_CALLBACK_FAILURE, as a constant.
    FAILURE = -902


cdef class Session(Link):
    cdef nghttp2_session* _session
    # The stream that was spoken of last, since it mostly is the next one too; None once it is closed.
    cdef Stream _recent
    # The request whose head is read has given what is known of it: its fields are a stand-in's.
    cdef bint head_is_known
    # Requests of which the head was taken, and the body is to follow.
    cdef Py_ssize_t headed
    # nghttp2 is shown what has been dealt with: nothing comes of it but the stream that is spoken of.
    cdef bint shows_past
    # The stream whose reply is made to be dropped, and whether its frame has just been; 0 for none.
    cdef int32_t past_id
    cdef bint past_sent

    cdef inline Stream stream_named(self, int32_t stream_id):
        """None where there is none, or where it is closed."""
        cdef void* found
        if self._recent is not None and self._recent.id == stream_id:
            return self._recent
        found = nghttp2_session_get_stream_user_data(self._session, stream_id)
        self._recent = None if found == NULL else <Stream>found
        return self._recent

    cdef void open_session(self) except *
    cdef ssize_t feed(self, const uint8_t* data, size_t size) except? FAILURE
    cdef bint take_head(self, KnownHead known, int32_t stream_id) except -1
    cdef bint take_body(self, int32_t stream_id, const uint8_t* body, size_t size) except -1
    cdef void all_read(self) except *
    cdef int frame_begun(self, const nghttp2_frame_hd* head) noexcept
    cdef int head_begun(self, int32_t stream_id) except -1
    cdef int head_field(
        self, int32_t stream_id, const uint8_t* name, size_t name_size,
        const uint8_t* value, size_t value_size
    ) except -1
    cdef int frame_received(self, const nghttp2_frame* frame) except -1
    cdef int data_received(self, Stream stream, const uint8_t* data, size_t size) except -1
    cdef int stream_closed(self, Stream stream) except -1
    cdef int frame_sent(self, const nghttp2_frame* frame) except -1
    cdef ssize_t output(self, Stream stream, size_t room, uint32_t* flags) except -1
    cdef int send_data(self, Stream stream, const uint8_t* head, size_t size) except -1


cdef void forget_error() noexcept


cdef ssize_t read_output(
    nghttp2_session* session, int32_t stream_id, uint8_t* target, size_t room,
    uint32_t* flags, nghttp2_data_source* source, void* user_data
) noexcept
