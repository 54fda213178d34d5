"""The outgoing half of a connection: replies, and what is said of the connection itself."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t

from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.abuse cimport Abuse
from blrcs_native.http2.frame_head cimport FLAGS_AT, FRAME_BYTES, FRAME_HEAD_BYTES
from blrcs_native.http2.known_replies cimport (
    NO_PART, OTHER_FIELDS, PLAIN_HEAD, PLAIN_TRAILERS, STAND_IN_HEAD, KnownReplies,
)
from blrcs_native.http2.nghttp2 cimport *
from blrcs_native.http2.octets cimport (
    Octets, octets_append, octets_clear, octets_free, octets_size,
)
from blrcs_native.http2.outbox cimport outbox_move, outbox_size
from blrcs_native.http2.reply_frames cimport (
    share_connection, submit_head, submit_http_status, submit_trailers,
)
from blrcs_native.http2.session cimport Session, forget_error, read_output
from blrcs_native.http2.status_literals cimport MOST_LITERAL_BYTES, status_size
from blrcs_native.http2.stream cimport OUTPUT_LOW_BYTES, Stream

cdef enum:
    # Answers that are not calls': what a client provokes and does not read.
    MAX_PENDING_FRAMES = 4000


cdef bint is_one_frame(Stream stream) noexcept:
    """Whether a reply that begins is there as a whole, and fits into a frame."""
    return (
        stream.pipeline is not None
        and not stream.pipeline.method.server_streaming
        and 0 < outbox_size(&stream.output) <= FRAME_BYTES
    )


cdef class Outgoing(Session):
    def __dealloc__(self):
        octets_free(&self._written)

    cdef bint pull(self, Octets* out, Py_ssize_t limit) except -1:
        """Appends what is ready to be sent; whether there may be more."""
        cdef const uint8_t* data = NULL
        cdef ssize_t size
        if self._lost:
            # The session still names streams that are gone.
            return False
        if out is not &self._written and octets_size(&self._written) > 0:
            if octets_append(
                out, self._written.data + self._written.start, octets_size(&self._written)
            ) < 0:
                raise MemoryError
            octets_clear(&self._written)
        self.is_cut = True
        self._out = out
        self._out_limit = limit
        while octets_size(out) < limit:
            self._part = NO_PART
            size = nghttp2_session_mem_send(self._session, &data)
            if size <= 0:
                if size < 0:
                    forget_error()
                    self._failed = True
                self.is_cut = False
                return octets_size(out) >= limit
            if self.past_sent:
                self.past_sent = False
                continue
            if self._part == STAND_IN_HEAD:
                self._known_replies.put_head(out, data, size, self._ended)
                self._ended = None
                continue
            if self._part != NO_PART:
                self._known_replies.note(self._part, data, size)
            if octets_append(out, data, size) < 0:
                raise MemoryError
        return True

    cdef void fields_sent(self, const nghttp2_frame* frame) noexcept:
        """A head, or a status behind messages, has been encoded."""
        cdef Stream stream = self.stream_named(frame.hd.stream_id)
        cdef bint is_last = frame.hd.flags & NGHTTP2_FLAG_END_STREAM != 0
        self._part = OTHER_FIELDS
        if stream is None:
            return
        if frame.headers.cat == NGHTTP2_HCAT_RESPONSE:
            if stream.head_stands_in:
                self._part = STAND_IN_HEAD
                self._ended = stream if is_last else None
            elif not is_last and stream.has_plain_head():
                self._part = PLAIN_HEAD
        elif is_last and stream.has_plain_status():
            self._part = PLAIN_TRAILERS

    cdef bint has_too_much_to_answer(self, size_t max_streams) noexcept:
        """Beside replies, of which each call has at most two frames."""
        cdef size_t replies = 2 * max_streams
        return (
            nghttp2_session_get_outbound_queue_size(self._session) > MAX_PENDING_FRAMES + replies
        )

    cdef void flush_soon(self) except *:
        """Who gives a connection a turn has it send afterwards."""
        if self._flush is not None and self.turn_ns == 0:
            self._flush()

    cdef void begin_reply(self, Stream stream) except *:
        cdef bint with_status = (
            stream.finished_reply
            and outbox_size(&stream.output) == 0
            and stream.initial_metadata is None
        )
        stream.settle_encoding()
        stream.reply_begun = True
        stream.head_stands_in = stream.has_plain_head() and (
            status_size(stream) <= MOST_LITERAL_BYTES if with_status
            else self._known_replies.head_bytes > 0
        )
        if not with_status and not is_one_frame(stream):
            share_connection(self._session, stream.id)
        submit_head(self._session, stream, with_status, read_output)
        self.flush_soon()

    cdef void send_on(self, Stream stream) except *:
        if not stream.reply_begun:
            self.begin_reply(stream)
        elif stream.reply_deferred:
            self.resume_reply(stream)

    cdef void resume_reply(self, Stream stream) except *:
        stream.reply_deferred = False
        nghttp2_session_resume_data(self._session, stream.id)
        self.flush_soon()

    cdef void refuse_http(self, Stream stream, bytes http_status) except *:
        stream.reply_begun = stream.finished_reply = True
        submit_http_status(self._session, stream.id, http_status)
        self.flush_soon()

    cdef void reset(self, Stream stream, uint32_t error_code) except *:
        stream.reset_here = True
        nghttp2_submit_rst_stream(self._session, NGHTTP2_FLAG_NONE, stream.id, error_code)
        self.flush_soon()

    cdef void end_request(self, int32_t stream_id) noexcept:
        """The reply has not waited for the rest of the request."""
        cdef Stream stream = self.stream_named(stream_id)
        if stream is not None and stream.request_ended:
            return
        if nghttp2_session_get_stream_remote_close(self._session, stream_id) != 0:
            return
        if stream is not None:
            stream.reset_here = True
        nghttp2_submit_rst_stream(self._session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR)

    cdef ssize_t output(self, Stream stream, size_t room, uint32_t* flags) except -1:
        cdef Py_ssize_t waiting = outbox_size(&stream.output)
        cdef Py_ssize_t size = min(waiting, <Py_ssize_t>room)
        flags[0] = NGHTTP2_DATA_FLAG_NO_COPY
        if size == waiting:
            if stream.finished_reply:
                flags[0] |= NGHTTP2_DATA_FLAG_EOF
                if self._known_replies.trailers_bytes > 0 and stream.has_plain_status():
                    # nghttp2 takes the last DATA frame for the end.
                    stream.status_is_known = True
                else:
                    flags[0] |= NGHTTP2_DATA_FLAG_NO_END_STREAM
                    submit_trailers(self._session, stream)
            elif size == 0:
                stream.reply_deferred = True
                return NGHTTP2_ERR_DEFERRED
        return size

    cdef int send_data(self, Stream stream, const uint8_t* head, size_t size) except -1:
        if octets_size(self._out) >= self._out_limit:
            return NGHTTP2_ERR_WOULDBLOCK
        if size > 0 or not stream.status_is_known:
            self._put_data(stream, head, size)
        if stream.status_is_known:
            self._known_replies.put_trailers(self._out, head)
        stream.stalled_since_ns = monotonic_ns() if outbox_size(&stream.output) > 0 else 0
        if stream.writer is not None and outbox_size(&stream.output) <= OUTPUT_LOW_BYTES:
            stream.wake_writer()
        return 0

    cdef void _put_data(self, Stream stream, const uint8_t* head, size_t size) except *:
        if octets_append(self._out, head, FRAME_HEAD_BYTES) < 0:
            raise MemoryError
        if stream.status_is_known:
            # It is not the end: the status follows.
            self._out.data[self._out.end - FRAME_HEAD_BYTES + FLAGS_AT] &= ~NGHTTP2_FLAG_END_STREAM
        outbox_move(&stream.output, self._out, size)
        self.unsent -= size

    # The connection -------------------------------------------------------------------------------

    cdef void drain(self) except *:
        """No new calls from now on; those begun go on (RFC 9113, section 6.8)."""
        if not self.draining:
            self.draining = True
            self.ping_answered = False
            nghttp2_submit_shutdown_notice(self._session)
            # Its answer says that the client has read the notice.
            nghttp2_submit_ping(self._session, NGHTTP2_FLAG_NONE, NULL)

    cdef void finish_drain(self) except *:
        """Names the last call that is served; later ones can be tried elsewhere."""
        if self.draining and not self._drain_done:
            self._drain_done = True
            nghttp2_submit_goaway(
                self._session, NGHTTP2_FLAG_NONE,
                nghttp2_session_get_last_proc_stream_id(self._session), NGHTTP2_NO_ERROR, NULL, 0
            )

    cdef void ping(self) except *:
        nghttp2_submit_ping(self._session, NGHTTP2_FLAG_NONE, NULL)

    cdef void condemn(self, Abuse kind, uint32_t error_code, bytes debug) noexcept:
        if self.condemned:
            return
        self.condemned = True
        self._abuse.count(kind)
        nghttp2_submit_goaway(
            self._session, NGHTTP2_FLAG_NONE,
            nghttp2_session_get_last_proc_stream_id(self._session), error_code,
            <const uint8_t*>PyBytes_AS_STRING(debug), PyBytes_GET_SIZE(debug)
        )
