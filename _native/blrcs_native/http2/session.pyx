"""nghttp2's session, and what it calls back.

nghttp2 keeps the state of HTTP/2 and HPACK (RFC 9113, RFC 7541). The functions here do no more than
bring its calls to methods, and errors of these methods back to it: as a code that has it return at
once, the exception being dropped where it has returned (`forget_error`). Where it would go on, they
catch the exception themselves, which costs more.
"""

from cpython.exc cimport PyErr_Clear
from libc.stdint cimport int32_t, uint8_t, uint32_t

from blrcs_native.http2.block_pool cimport session_memory
from blrcs_native.http2.known_heads cimport KnownHead
from blrcs_native.http2.link cimport Link
from blrcs_native.http2.nghttp2 cimport *
from blrcs_native.http2.stream cimport Stream

cdef enum:
    ERR_CANCEL = -535
    MAX_PENDING_ACKS = 1000
    MAX_CONTINUATIONS = 8
    MAX_SENT_FIELDS_BYTES = 1 << 30

cdef nghttp2_session_callbacks* CALLBACKS = NULL
cdef nghttp2_option* OPTIONS = NULL


cdef void forget_error() noexcept:
    """Drops what a method has raised, once nghttp2 has returned with an error."""
    PyErr_Clear()


cdef class Session(Link):
    def __dealloc__(self):
        nghttp2_session_del(self._session)

    cdef void open_session(self) except *:
        if nghttp2_session_server_new3(
            &self._session, CALLBACKS, <void*>self, OPTIONS, session_memory()
        ) != 0:
            raise MemoryError

    cdef ssize_t feed(self, const uint8_t* data, size_t size) except? FAILURE:
        """nghttp2_session_mem_recv, once nghttp2 knows of all that came before."""
        raise NotImplementedError

    cdef bint take_head(self, KnownHead known, int32_t stream_id) except -1:
        """Whether a request that begins with this head needs no nghttp2 for now."""
        raise NotImplementedError

    cdef bint take_body(self, int32_t stream_id, const uint8_t* body, size_t size) except -1:
        """Whether this is all the body of one whose head was taken, which needs none either."""
        raise NotImplementedError

    cdef void all_read(self) except *:
        """Nothing more is there for now, where frames end."""
        raise NotImplementedError

    # A result other than 0 ends the session; so does an exception.

    cdef int frame_begun(self, const nghttp2_frame_hd* head) noexcept:
        """A frame's header has been read; of unknown kinds of frames too."""
        raise NotImplementedError

    cdef int head_begun(self, int32_t stream_id) except -1:
        """A request begins."""
        raise NotImplementedError

    cdef int head_field(
        self, int32_t stream_id, const uint8_t* name, size_t name_size,
        const uint8_t* value, size_t value_size
    ) except -1:
        """A field of a request's head."""
        raise NotImplementedError

    cdef int frame_received(self, const nghttp2_frame* frame) except -1:
        """A frame has been read to its end."""
        raise NotImplementedError

    cdef int data_received(self, Stream stream, const uint8_t* data, size_t size) except -1:
        """Bytes of a request; the stream is None where it is gone."""
        raise NotImplementedError

    cdef int stream_closed(self, Stream stream) except -1:
        """Nothing more comes, and nothing more can be sent."""
        raise NotImplementedError

    cdef int frame_sent(self, const nghttp2_frame* frame) except -1:
        """A frame has been handed out."""
        raise NotImplementedError

    cdef ssize_t output(self, Stream stream, size_t room, uint32_t* flags) except -1:
        """How many bytes of a reply can be sent, up to `room`."""
        raise NotImplementedError

    cdef int send_data(self, Stream stream, const uint8_t* head, size_t size) except -1:
        """Sends a frame of so many of these bytes, with its head."""
        raise NotImplementedError


cdef int on_begin_frame(
    nghttp2_session* session, const nghttp2_frame_hd* head, void* user_data
) noexcept:
    cdef Session receiver = <Session>user_data
    return 0 if receiver.shows_past else receiver.frame_begun(head)


cdef int on_begin_headers(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) except FAILURE:
    cdef Session receiver = <Session>user_data
    if frame.headers.cat != NGHTTP2_HCAT_REQUEST:
        return 0
    if receiver.shows_past:
        nghttp2_session_set_stream_user_data(
            session, frame.hd.stream_id,
            NULL if receiver._recent is None else <void*>receiver._recent,
        )
        return 0
    return receiver.head_begun(frame.hd.stream_id)


cdef int on_header(
    nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
    const uint8_t* value, size_t value_size, uint8_t flags, void* user_data
) except FAILURE:
    if (<Session>user_data).head_is_known:
        return 0
    if frame.hd.type != NGHTTP2_HEADERS or frame.headers.cat != NGHTTP2_HCAT_REQUEST:
        return 0
    return (<Session>user_data).head_field(frame.hd.stream_id, name, name_size, value, value_size)


cdef int on_frame_received(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) except FAILURE:
    cdef Session receiver = <Session>user_data
    return 0 if receiver.shows_past else receiver.frame_received(frame)


cdef int on_data(
    nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data, size_t size,
    void* user_data
) except FAILURE:
    cdef Session receiver = <Session>user_data
    if receiver.shows_past:
        return nghttp2_session_consume_connection(session, size)
    return receiver.data_received(receiver.stream_named(stream_id), data, size)


cdef int on_stream_closed(
    nghttp2_session* session, int32_t stream_id, uint32_t error_code, void* user_data
) except FAILURE:
    cdef Session closing = <Session>user_data
    cdef Stream stream = closing.stream_named(stream_id)
    if stream is None:
        return 0
    closing._recent = None
    nghttp2_session_set_stream_user_data(session, stream_id, NULL)
    return closing.stream_closed(stream)


cdef int on_frame_sent(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) except FAILURE:
    cdef Session sender = <Session>user_data
    if frame.hd.stream_id != 0 and frame.hd.stream_id == sender.past_id:
        sender.past_sent = True
        return 0
    return sender.frame_sent(frame)


cdef int on_unknown_frame(
    nghttp2_session* session, void** payload, const nghttp2_frame_hd* head, void* user_data
) noexcept:
    return ERR_CANCEL


cdef ssize_t read_output(
    nghttp2_session* session, int32_t stream_id, uint8_t* target, size_t room,
    uint32_t* flags, nghttp2_data_source* source, void* user_data
) noexcept:
    (<Session>user_data)._recent = <Stream>source.ptr
    try:
        return (<Session>user_data).output(<Stream>source.ptr, room, flags)
    except BaseException:
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE


cdef int on_send_data(
    nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head, size_t size,
    nghttp2_data_source* source, void* user_data
) noexcept:
    cdef Stream stream = (<Session>user_data).stream_named(frame.hd.stream_id)
    if stream is None:
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
    try:
        return (<Session>user_data).send_data(stream, head, size)
    except BaseException:
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE


cdef void prepare() except *:
    """What all sessions share."""
    cdef int kind
    global CALLBACKS, OPTIONS
    if nghttp2_session_callbacks_new(&CALLBACKS) != 0 or nghttp2_option_new(&OPTIONS) != 0:
        raise MemoryError
    nghttp2_session_callbacks_set_on_begin_frame_callback(CALLBACKS, on_begin_frame)
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        CALLBACKS, <nghttp2_on_frame_callback>on_begin_headers
    )
    nghttp2_session_callbacks_set_on_header_callback(
        CALLBACKS, <nghttp2_on_header_callback>on_header
    )
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        CALLBACKS, <nghttp2_on_frame_callback>on_frame_received
    )
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        CALLBACKS, <nghttp2_on_data_chunk_recv_callback>on_data
    )
    nghttp2_session_callbacks_set_on_stream_close_callback(
        CALLBACKS, <nghttp2_on_stream_close_callback>on_stream_closed
    )
    nghttp2_session_callbacks_set_on_frame_send_callback(
        CALLBACKS, <nghttp2_on_frame_callback>on_frame_sent
    )
    nghttp2_session_callbacks_set_send_data_callback(CALLBACKS, on_send_data)
    # nghttp2 tells of those alone that somebody wants, and here they are counted.
    nghttp2_session_callbacks_set_unpack_extension_callback(CALLBACKS, on_unknown_frame)
    for kind in range(NGHTTP2_CONTINUATION + 1, 256):
        nghttp2_option_set_user_recv_extension_type(OPTIONS, kind)
    nghttp2_option_set_no_auto_window_update(OPTIONS, 1)
    nghttp2_option_set_no_closed_streams(OPTIONS, 1)
    nghttp2_option_set_max_outbound_ack(OPTIONS, MAX_PENDING_ACKS)
    nghttp2_option_set_max_continuations(OPTIONS, MAX_CONTINUATIONS)
    # What is longer is not sent at all, and leaves the call open. Clients say what they take.
    nghttp2_option_set_max_send_header_block_length(OPTIONS, MAX_SENT_FIELDS_BYTES)
    # grpc core sends metadata as it is given, and takes it so.
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(OPTIONS, 1)
    # Resets are counted by `FrameBudget`, and by name.
    nghttp2_option_set_stream_reset_rate_limit(OPTIONS, 1 << 40, 1 << 40)


prepare()
