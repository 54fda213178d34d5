"""One HTTP/2 connection of a server, without sockets: bytes in, bytes and calls out.

nghttp2 keeps the protocol's state (RFC 9113, RFC 7541). Its callbacks only take note; what follows
of them is done when all bytes have been read, so that no handler runs within nghttp2.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.abuse cimport (
    ACK_FLOOD, CONTINUATION_FLOOD, DECOMPRESSION_BOMB, EMPTY_DATA_FLOOD, HEADER_BOMB,
    HEADERS_FLOOD, MESSAGE_BOMB, PING_FLOOD,
    PRIORITY_FLOOD, PROTOCOL_ERROR, PROVOKED_RESET, RAPID_RESET, SETTINGS_FLOOD, STREAM_LIMIT,
    UNKNOWN_FRAME_FLOOD, WINDOW_UPDATE_FLOOD, Abuse, AbuseCounters, bucket_add, bucket_open,
    bucket_take,
)
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport (
    Octets, octets_append, octets_clear, octets_free, octets_size, octets_take
)
from blrcs_native.http2.stream cimport (
    OUTPUT_LOW_BYTES, PREFIX_BYTES, Link, Listener, Stream
)
from blrcs_native.http2.wire cimport MALFORMED_TIMEOUT, timeout_ns
from blrcs_native.nghttp2 cimport *
from blrcs_native.rejection cimport Rejection

cdef enum:
    ERR_CANCEL = -535
    ERR_TOO_MANY_CONTINUATIONS = -905  # newer than some headers that are built with
    FIELD_BYTES = 32
    # So far beyond its limit that it is no mistake.
    HEAD_BOMB_FACTOR = 4
    MAX_PENDING_ACKS = 1000
    # Answers that are not calls': what a client provokes and does not read.
    MAX_PENDING_FRAMES = 4000
    MAX_CONTINUATIONS = 8
    # Handlers that are cancelled take their time later, in the loop's next step.
    CANCELLED_IN_A_TURN = 8
    CONNECTION_WINDOW_BYTES = 16 << 20
    MAX_INPUT_SLACK = PREFIX_BYTES
    STATIC_FIELDS = 5

cdef int64_t IDLE_PING_INTERVAL_NS = 7_200_000_000_000

cdef uint8_t STATIC = (
    NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
)
cdef list STATUS_TEXTS = [str(code).encode() for code in range(17)]

cdef nghttp2_session_callbacks* CALLBACKS = NULL
cdef nghttp2_option* OPTIONS = NULL


cdef inline bint same(const uint8_t* data, size_t size, const char* text, size_t text_size) noexcept nogil:
    return size == text_size and memcmp(data, text, size) == 0


cdef inline void set_static(
    nghttp2_nv* field, const char* name, size_t name_size, const char* value, size_t value_size
) noexcept nogil:
    field.name = <uint8_t*>name
    field.namelen = name_size
    field.value = <uint8_t*>value
    field.valuelen = value_size
    field.flags = STATIC


cdef inline void set_field(nghttp2_nv* field, bytes name, bytes value) noexcept:
    field.name = <uint8_t*>PyBytes_AS_STRING(name)
    field.namelen = PyBytes_GET_SIZE(name)
    field.value = <uint8_t*>PyBytes_AS_STRING(value)
    field.valuelen = PyBytes_GET_SIZE(value)
    field.flags = NGHTTP2_NV_FLAG_NONE


@cython.final
@cython.no_gc_clear
cdef class Connection(Link):
    def __cinit__(
        self,
        Listener listener not None,
        Limits limits not None,
        AbuseCounters abuse=None,
        *,
        str peer="in-memory",
        str peer_address="in-memory",
        identity=None,
        FieldCache fields=None,
        flush=None,
    ):
        self._listener = listener
        self._limits = limits
        self._abuse = AbuseCounters() if abuse is None else abuse
        self._fields = FieldCache() if fields is None else fields
        self._flush = flush
        self.peer = peer
        self.peer_address = peer_address
        self.identity = identity
        self.max_receive_bytes = limits.max_receive_bytes
        self.max_send_bytes = limits.max_send_bytes
        self.max_unsent_bytes = limits.unsent_bytes
        self.streams = {}
        self._ready = []
        self._gather_room = limits.gathered_bytes
        self.now_ns = self.last_activity_ns = monotonic_ns()
        bucket_open(&self._resets, limits.reset_burst, limits.resets_per_s, self.now_ns)
        bucket_open(&self._frames, limits.frame_burst, limits.frames_per_s, self.now_ns)
        if nghttp2_session_server_new2(&self._session, CALLBACKS, <void*>self, OPTIONS) != 0:
            raise MemoryError
        self._greet()

    def __dealloc__(self):
        nghttp2_session_del(self._session)

    def _greet(self):
        cdef nghttp2_settings_entry settings[4]
        settings[0].settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        settings[0].value = self._limits.max_streams
        settings[1].settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        settings[1].value = self._limits.window_bytes
        settings[2].settings_id = NGHTTP2_SETTINGS_MAX_FRAME_SIZE
        settings[2].value = self._limits.frame_bytes
        settings[3].settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
        settings[3].value = self._limits.hard_head_bytes
        nghttp2_submit_settings(self._session, NGHTTP2_FLAG_NONE, settings, 4)
        # Each call has its own window, which is what bounds it; the one they share does not.
        nghttp2_session_set_local_window_size(
            self._session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES
        )

    @property
    def open_streams(self):
        return len(self.streams)

    @property
    def head_is_pending(self):
        return self.head_since_ns != 0

    # Bytes ----------------------------------------------------------------------------------------

    def receive(self, bytes data not None):
        cdef bint goes_on = self.receive_octets(
            <const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
        )
        while goes_on and self.turn_over:
            self.process()
        return goes_on

    def take(self):
        cdef Octets out
        out.data = NULL
        out.start = out.end = out.capacity = 0
        if self.turn_over:
            self.process()
        try:
            self.pull(&out, 1 << 40)
            return PyBytes_FromStringAndSize(<char*>out.data + out.start, octets_size(&out))
        finally:
            octets_free(&out)

    def close(self):
        self.lose()
        while self.turn_over:
            self.process()

    cdef bint receive_octets(self, const unsigned char* data, Py_ssize_t size) except -1:
        """False when the connection must end once what there is to send has been sent."""
        cdef ssize_t taken
        if self._failed or self.condemned:
            return False
        self.now_ns = monotonic_ns()
        taken = nghttp2_session_mem_recv(self._session, data, size)
        if taken < 0:
            self._fail(<int>taken)
        elif self._has_too_much_to_answer():
            self.condemn(ACK_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_answers")
            return False
        self.process()
        return not (self._failed or self.condemned)

    cdef bint _has_too_much_to_answer(self) noexcept:
        """Beside replies, of which each call has at most two frames."""
        cdef size_t replies = 2 * <size_t>self._limits.max_streams
        return (
            nghttp2_session_get_outbound_queue_size(self._session) > MAX_PENDING_FRAMES + replies
        )

    cdef void _fail(self, int code) except *:
        self._failed = True
        if self.condemned:
            return
        if code == NGHTTP2_ERR_FLOODED:
            self.condemn(ACK_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_acks")
        elif code == ERR_TOO_MANY_CONTINUATIONS:
            self.condemn(CONTINUATION_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_continuations")
        else:
            self.condemn(PROTOCOL_ERROR, NGHTTP2_PROTOCOL_ERROR, b"")

    cdef bint pull(self, Octets* out, Py_ssize_t limit) except -1:
        """Appends what is ready to be sent; whether there may be more."""
        cdef const uint8_t* data = NULL
        cdef ssize_t size
        if self._lost:
            # The session still names streams that are gone.
            return False
        while octets_size(out) < limit:
            size = nghttp2_session_mem_send(self._session, &data)
            if size <= 0:
                if size < 0:
                    self._failed = True
                return False
            if octets_append(out, data, size) < 0:
                raise MemoryError
        return True

    cdef bint wants_write(self) noexcept:
        return nghttp2_session_want_write(self._session) != 0

    cdef bint finished(self) noexcept:
        """Nothing more comes of it."""
        return (
            self._failed
            or self.condemned
            or (self._drain_done and len(self.streams) == 0)
            or (
                nghttp2_session_want_read(self._session) == 0
                and nghttp2_session_want_write(self._session) == 0
            )
        )

    # Calls ----------------------------------------------------------------------------------------

    cdef void _mark(self, Stream stream) except *:
        if not stream.dirty:
            stream.dirty = True
            self._ready.append(stream)

    cdef void process(self) except *:
        """Hands on what the bytes have brought, for one turn."""
        cdef Stream stream
        cdef list ready
        cdef list held = None
        cdef bint is_over = False
        cdef int cancelled = 0
        cdef int64_t end_ns
        self._grant_waiting()
        if not self._ready:
            self.turn_over = False
            return
        end_ns = monotonic_ns() + TURN_NS
        while self._ready and not is_over:
            ready, self._ready = self._ready, []
            for stream in ready:
                if is_over or (not stream.handling and stream.alive and self._is_full()):
                    if held is None:
                        held = []
                    held.append(stream)
                    continue
                stream.dirty = False
                cancelled += stream.handling and not stream.alive
                self._hand_on(stream)
                is_over = cancelled >= CANCELLED_IN_A_TURN or monotonic_ns() >= end_ns
        if held is not None:
            self._ready = held + self._ready
        self._grant_waiting()
        self.turn_over = is_over and len(self._ready) > 0

    cdef bint _is_full(self) noexcept:
        return self.unsent > self.max_unsent_bytes

    cdef void _hand_on(self, Stream stream) except *:
        cdef Rejection problem
        if not stream.alive:
            if stream.active:
                self._listener.lost(stream)
            return
        if not stream.announced:
            stream.announced = True
            self._listener.begun(stream)
        if stream.finished_reply or not stream.alive:
            return
        if (
            octets_size(&stream.input) == 0
            and not stream.request_ended
            and stream.inflation is None
        ):
            return
        problem = stream.input_problem()
        if problem is None:
            self.gather(stream)
            self._listener.received(stream)
        else:
            self._listener.broken(stream, problem)

    cdef void call_ended(self, bint well) except *:
        """A call of this connection no longer runs."""
        self.running -= 1
        if well:
            bucket_add(&self._resets, 1)

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

    cdef void lose(self) except *:
        """The client is gone."""
        cdef Stream stream
        streams, self.streams = self.streams, {}
        self._failed = self._lost = True
        self._flush = None
        self._gathering = None
        # Those that closed before are not among the streams any more.
        gone = [stream for stream in self._ready if not (<Stream>stream).alive]
        self._ready.clear()
        for stream in streams.values():
            nghttp2_session_set_stream_user_data(self._session, stream.id, NULL)
            stream.alive = False
            gone.append(stream)
        self._ready = gone
        self.process()

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

    # The request ----------------------------------------------------------------------------------

    cdef void taken(self, Stream stream) except *:
        cdef Py_ssize_t used
        if stream.granted_bytes > 0:
            self.give_back(stream)
        # What was granted is consumed already, and all that is left is not.
        used = stream.unconsumed - octets_size(&stream.input)
        if used <= 0:
            return
        stream.unconsumed -= used
        if stream.alive and not stream.request_ended:
            nghttp2_session_consume_stream(self._session, stream.id, used)
            self._flush_soon()

    cdef void come_back(self, Stream stream) except *:
        if stream.alive:
            self._mark(stream)
            self.turn_over = True
            self._flush_soon()

    cdef void gather(self, Stream stream) except *:
        cdef Py_ssize_t whole = PREFIX_BYTES + stream.message_bytes
        if (
            stream.message_bytes < 0
            or not stream.alive
            or stream.granted_bytes > 0
            or stream.waits_for_grant
            or stream.request_ended
            or octets_size(&stream.input) >= whole
            # nghttp2 tells the client of what was consumed once it is half of the window, so that
            # this is all that the client may be sure to send.
            or whole <= self._limits.window_bytes >> 1
        ):
            return
        if self._is_full() or not self.grant(stream, whole):
            stream.waits_for_grant = True
            if self._gathering is None:
                self._gathering = []
            self._gathering.append(stream)

    cdef void too_large(self, bint inflated) noexcept:
        self._abuse.count(DECOMPRESSION_BOMB if inflated else MESSAGE_BOMB)

    cdef bint grant(self, Stream stream, Py_ssize_t size) except -1:
        # The largest message is as large as all the room, less its prefix.
        if size - PREFIX_BYTES > self._gather_room:
            return False
        self._gather_room -= size
        stream.granted_bytes = size
        self._consume_granted(stream)
        return True

    cdef void _consume_granted(self, Stream stream) except *:
        """What is behind the message that is gathered has to wait until it is used."""
        cdef Py_ssize_t behind = octets_size(&stream.input) - stream.granted_bytes
        cdef Py_ssize_t size = stream.unconsumed - max(behind, 0)
        if size > 0:
            stream.unconsumed -= size
            nghttp2_session_consume_stream(self._session, stream.id, size)

    cdef void give_back(self, Stream stream) except *:
        self._gather_room += stream.granted_bytes
        stream.granted_bytes = 0
        if self._gathering:
            # After what comes of the message: its reply may be in the way.
            self.turn_over = True
            self._flush_soon()

    cdef void _grant_waiting(self) except *:
        """Replies that are not taken keep further requests out."""
        cdef Stream waiting
        while self._gathering and not self._is_full():
            waiting = self._gathering[0]
            if waiting.alive and not waiting.finished_reply and waiting.message_bytes >= 0:
                if not self.grant(waiting, PREFIX_BYTES + waiting.message_bytes):
                    return
                self._flush_soon()
            waiting.waits_for_grant = False
            del self._gathering[0]

    # The reply ------------------------------------------------------------------------------------

    cdef void _flush_soon(self) except *:
        if self._flush is not None:
            self._flush()

    cdef void begin_reply(self, Stream stream) except *:
        cdef bint with_status = (
            stream.finished_reply
            and octets_size(&stream.output) == 0
            and stream.initial_metadata is None
        )
        stream.settle_encoding()
        stream.reply_begun = True
        self._submit_head(stream, with_status)
        self._flush_soon()

    cdef void resume_reply(self, Stream stream) except *:
        stream.reply_deferred = False
        nghttp2_session_resume_data(self._session, stream.id)
        self._flush_soon()

    cdef void refuse_http(self, Stream stream, bytes http_status) except *:
        cdef nghttp2_nv field
        set_field(&field, b":status", http_status)
        stream.reply_begun = stream.finished_reply = stream.trailers_submitted = True
        nghttp2_submit_response(self._session, stream.id, &field, 1, NULL)
        self._flush_soon()

    cdef void reset(self, Stream stream, uint32_t error_code) except *:
        stream.reset_here = True
        nghttp2_submit_rst_stream(self._session, NGHTTP2_FLAG_NONE, stream.id, error_code)
        self._flush_soon()

    cdef void _submit_head(self, Stream stream, bint with_status) except *:
        cdef nghttp2_data_provider provider
        cdef list metadata = stream.initial_metadata or []
        cdef list trailers = (stream.trailers or []) if with_status else []
        cdef Py_ssize_t count = STATIC_FIELDS + 1 + len(metadata) + len(trailers)
        cdef nghttp2_nv small[16]
        cdef nghttp2_nv* fields = small
        cdef Py_ssize_t used = 3
        cdef int code
        cdef bytes encoding = None
        if count > 16:
            fields = <nghttp2_nv*>malloc(count * sizeof(nghttp2_nv))
            if fields == NULL:
                raise MemoryError
        set_static(&fields[0], b":status", 7, b"200", 3)
        set_static(&fields[1], b"content-type", 12, b"application/grpc", 16)
        set_static(&fields[2], b"grpc-accept-encoding", 20, b"identity,deflate,gzip", 21)
        if stream.reply_encoding is not None:
            encoding = stream.reply_encoding.encode()
            set_field(&fields[used], b"grpc-encoding", encoding)
            used += 1
        for name, value in metadata:
            set_field(&fields[used], name, value)
            used += 1
        if with_status:
            used = fill_status(fields, used, stream)
            for name, value in trailers:
                set_field(&fields[used], name, value)
                used += 1
            stream.trailers_submitted = True
            code = nghttp2_submit_response(self._session, stream.id, fields, used, NULL)
        else:
            provider.source.ptr = <void*>stream
            provider.read_callback = read_output
            code = nghttp2_submit_response(self._session, stream.id, fields, used, &provider)
        if fields != small:
            free(fields)
        if code == NGHTTP2_ERR_NOMEM:
            raise MemoryError

    cdef void _submit_trailers(self, Stream stream) except *:
        cdef list trailers = stream.trailers or []
        cdef Py_ssize_t count = 2 + len(trailers)
        cdef nghttp2_nv small[8]
        cdef nghttp2_nv* fields = small
        cdef Py_ssize_t used = 0
        if count > 8:
            fields = <nghttp2_nv*>malloc(count * sizeof(nghttp2_nv))
            if fields == NULL:
                raise MemoryError
        used = fill_status(fields, used, stream)
        for name, value in trailers:
            set_field(&fields[used], name, value)
            used += 1
        stream.trailers_submitted = True
        nghttp2_submit_trailer(self._session, stream.id, fields, used)
        if fields != small:
            free(fields)

    # What nghttp2 tells ---------------------------------------------------------------------------

    cdef int _begin_frame(self, const nghttp2_frame_hd* head) noexcept:
        """Frames that carry nothing have to be paid for by those that do."""
        cdef Abuse kind
        if head.type == NGHTTP2_HEADERS:
            kind = HEADERS_FLOOD
        elif head.type == NGHTTP2_CONTINUATION:
            kind = CONTINUATION_FLOOD
        elif head.type == NGHTTP2_DATA:
            if head.flags & NGHTTP2_FLAG_END_STREAM:
                return 0
            kind = EMPTY_DATA_FLOOD
        elif head.type == NGHTTP2_SETTINGS:
            kind = SETTINGS_FLOOD
        elif head.type == NGHTTP2_PING:
            kind = PING_FLOOD
        elif head.type == NGHTTP2_WINDOW_UPDATE:
            kind = WINDOW_UPDATE_FLOOD
        elif head.type == NGHTTP2_PRIORITY:
            kind = PRIORITY_FLOOD
        elif head.type == NGHTTP2_RST_STREAM:
            kind = RAPID_RESET
        else:
            kind = UNKNOWN_FRAME_FLOOD
        if bucket_take(&self._frames, self.now_ns):
            return 0
        self.condemn(kind, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_frames")
        return NGHTTP2_ERR_CALLBACK_FAILURE

    cdef void _head_done(self, int32_t stream_id) noexcept:
        if stream_id == self._head_stream_id:
            self.head_since_ns = 0

    cdef void _ended_by_protocol(self, uint32_t error_code) noexcept:
        """nghttp2 itself has said that the client's frames are none."""
        if error_code != NGHTTP2_NO_ERROR and not self.condemned:
            self.condemned = True
            self._abuse.count(PROTOCOL_ERROR)

    cdef int _pinged(self) noexcept:
        """grpc core's rule on pings: its keepalive, doc/keepalive.md."""
        cdef int64_t interval = self._limits.min_ping_interval_ns
        cdef int64_t since = self.now_ns - self._last_ping_ns
        if len(self.streams) == 0 and not self._limits.pings_without_calls:
            interval = IDLE_PING_INTERVAL_NS
        if self._last_ping_ns == 0 or since >= interval:
            self._last_ping_ns = self.now_ns
            return 0
        self._last_ping_ns = self.now_ns
        self._ping_strikes += 1
        if self._limits.max_ping_strikes == 0 or self._ping_strikes <= self._limits.max_ping_strikes:
            return 0
        self.condemn(PING_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_pings")
        return NGHTTP2_ERR_CALLBACK_FAILURE

    cdef int _reset_by_peer(self) noexcept:
        if bucket_take(&self._resets, self.now_ns):
            return 0
        self.condemn(RAPID_RESET, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_resets")
        return NGHTTP2_ERR_CALLBACK_FAILURE

    cdef int _reset_provoked(self) noexcept:
        if bucket_take(&self._resets, self.now_ns):
            return 0
        self.condemn(PROVOKED_RESET, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_resets")
        return 0

    cdef int _begin_stream(self, int32_t stream_id) except -1:
        cdef Stream stream
        if self.running >= self._limits.max_streams:
            # Streams that were reset are gone for HTTP/2, but their handlers may still run.
            self._abuse.count(STREAM_LIMIT)
            nghttp2_submit_rst_stream(
                self._session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM
            )
            return 0
        stream = Stream.__new__(Stream)
        stream.id = stream_id
        stream.link = self
        stream.listener = self._listener
        stream.metadata = []
        bucket_add(&self._frames, 9)
        self.head_since_ns = self.now_ns
        self._head_stream_id = stream_id
        self.streams[stream_id] = stream
        nghttp2_session_set_stream_user_data(self._session, stream_id, <void*>stream)
        return 0

    cdef int _head_field(
        self, Stream stream, const uint8_t* name, size_t name_size,
        const uint8_t* value, size_t value_size
    ) except -1:
        cdef int64_t timeout
        stream.head_bytes += name_size + value_size + FIELD_BYTES
        stream.head_fields += 1
        if (
            stream.head_bytes > self._limits.hard_head_bytes
            or stream.head_fields > self._limits.max_head_fields
        ):
            return self._head_too_large(stream)
        if name[0] == c":":
            if same(name, name_size, b":path", 5):
                stream.path = path_text(self._fields.field(name, name_size, value, value_size))
            elif same(name, name_size, b":method", 7):
                stream.is_post = same(value, value_size, b"POST", 4)
            return 0
        if same(name, name_size, b"content-type", 12):
            stream.is_grpc = is_grpc_type(value, value_size)
            return 0
        if name[0] == c"t" and same(name, name_size, b"te", 2):
            return 0
        if name_size > 5 and memcmp(name, b"grpc-", 5) == 0:
            if same(name, name_size, b"grpc-timeout", 12):
                timeout = timeout_ns(value, value_size)
                if timeout == MALFORMED_TIMEOUT:
                    stream.head_problem = HEAD_TIMEOUT
                else:
                    stream.deadline_ns = self.now_ns + timeout
                return 0
            if same(name, name_size, b"grpc-accept-encoding", 20):
                stream.accepted_encodings = path_text(
                    self._fields.field(name, name_size, value, value_size)
                )
                return 0
            if same(name, name_size, b"grpc-encoding", 13):
                stream.request_encoding = path_text(
                    self._fields.field(name, name_size, value, value_size)
                )
                return 0
        field = self._fields.field(name, name_size, value, value_size)
        if field is None:
            stream.head_problem = HEAD_BINARY
        elif type(field) is list:
            stream.metadata.extend(field)
        else:
            stream.metadata.append(field)
        return 0

    cdef int _head_too_large(self, Stream stream) except -1:
        if stream.head_problem != HEAD_TOO_LARGE:
            self._abuse.count(HEADER_BOMB)
        stream.head_problem = HEAD_TOO_LARGE
        stream.metadata.clear()
        if stream.head_bytes > HEAD_BOMB_FACTOR * self._limits.hard_head_bytes:
            self.condemn(HEADER_BOMB, NGHTTP2_ENHANCE_YOUR_CALM, b"too_much_metadata")
            return NGHTTP2_ERR_CALLBACK_FAILURE
        return 0


cdef Py_ssize_t fill_status(nghttp2_nv* fields, Py_ssize_t used, Stream stream) noexcept:
    cdef bytes text = <bytes>STATUS_TEXTS[stream.status]
    set_static(
        &fields[used], b"grpc-status", 11, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
    )
    used += 1
    if stream.status_message is not None:
        set_field(&fields[used], b"grpc-message", stream.status_message)
        used += 1
    return used


cdef str path_text(object field):
    """The value of a field that is text."""
    return None if field is None or type(field) is list else (<tuple>field)[1]


cdef bint is_grpc_type(const uint8_t* value, size_t size) noexcept nogil:
    """`application/grpc`, alone or with a format of messages behind it."""
    if size < 16 or memcmp(value, b"application/grpc", 16) != 0:
        return False
    return size == 16 or value[16] == c"+" or value[16] == c";"


cdef inline Stream stream_of(nghttp2_session* session, int32_t stream_id):
    cdef void* found = nghttp2_session_get_stream_user_data(session, stream_id)
    return None if found == NULL else <Stream>found


cdef int on_begin_frame(
    nghttp2_session* session, const nghttp2_frame_hd* head, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    if not connection.greeted and head.type == NGHTTP2_SETTINGS:
        connection.greeted = True
    return connection._begin_frame(head)


cdef int on_begin_headers(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    if frame.headers.cat != NGHTTP2_HCAT_REQUEST:
        return 0
    try:
        return connection._begin_stream(frame.hd.stream_id)
    except BaseException:
        return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_header(
    nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
    const uint8_t* value, size_t value_size, uint8_t flags, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream
    if frame.hd.type != NGHTTP2_HEADERS or frame.headers.cat != NGHTTP2_HCAT_REQUEST:
        return 0
    stream = stream_of(session, frame.hd.stream_id)
    if stream is None:
        return 0
    try:
        return connection._head_field(stream, name, name_size, value, value_size)
    except BaseException:
        return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_frame_received(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream
    if frame.hd.type == NGHTTP2_PING:
        if frame.hd.flags & NGHTTP2_FLAG_ACK:
            connection.ping_answered = True
            return 0
        return connection._pinged()
    if frame.hd.type == NGHTTP2_RST_STREAM:
        return connection._reset_by_peer()
    if frame.hd.type != NGHTTP2_HEADERS and frame.hd.type != NGHTTP2_DATA:
        return 0
    if frame.hd.type == NGHTTP2_HEADERS:
        connection._head_done(frame.hd.stream_id)
    stream = stream_of(session, frame.hd.stream_id)
    if stream is None:
        return 0
    try:
        if frame.hd.flags & NGHTTP2_FLAG_END_STREAM:
            stream.request_ended = True
            connection._mark(stream)
        elif frame.hd.type == NGHTTP2_HEADERS:
            connection._mark(stream)
        return 0
    except BaseException:
        return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_data(
    nghttp2_session* session, uint8_t flags, int32_t stream_id, const uint8_t* data, size_t size,
    void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream = stream_of(session, stream_id)
    nghttp2_session_consume_connection(session, size)
    connection.last_activity_ns = connection.now_ns
    # What carries something pays for itself, and for others.
    bucket_add(&connection._frames, 3)
    if stream is None or stream.finished_reply:
        return 0
    if octets_append(&stream.input, data, size) < 0:
        return NGHTTP2_ERR_CALLBACK_FAILURE
    stream.unconsumed += size
    try:
        if stream.granted_bytes > 0:
            connection._consume_granted(stream)
        connection._mark(stream)
        return 0
    except BaseException:
        return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_stream_closed(
    nghttp2_session* session, int32_t stream_id, uint32_t error_code, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream = stream_of(session, stream_id)
    if stream is None:
        return 0
    nghttp2_session_set_stream_user_data(session, stream_id, NULL)
    try:
        stream.alive = False
        connection._head_done(stream_id)
        connection.unsent -= octets_size(&stream.output)
        octets_clear(&stream.output)
        octets_clear(&stream.input)
        if stream.waits_for_grant:
            stream.waits_for_grant = False
            connection._gathering.remove(stream)
        if stream.granted_bytes > 0:
            connection.give_back(stream)
        if stream.active:
            connection._mark(stream)
        connection.last_activity_ns = connection.now_ns
        del connection.streams[stream_id]
        return 0
    except BaseException:
        return NGHTTP2_ERR_CALLBACK_FAILURE


cdef int on_frame_sent(
    nghttp2_session* session, const nghttp2_frame* frame, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream
    if frame.hd.type == NGHTTP2_RST_STREAM:
        stream = stream_of(session, frame.hd.stream_id)
        if stream is not None and not stream.reset_here:
            return connection._reset_provoked()
        return 0
    if frame.hd.type == NGHTTP2_GOAWAY:
        connection._ended_by_protocol(frame.goaway.error_code)
        return 0
    if frame.hd.type != NGHTTP2_HEADERS and frame.hd.type != NGHTTP2_DATA:
        return 0
    # As in grpc core, whoever is sent something may ping again.
    connection._ping_strikes = 0
    connection._last_ping_ns = 0
    bucket_add(&connection._frames, 4)
    if frame.hd.flags & NGHTTP2_FLAG_END_STREAM and frame.hd.type == NGHTTP2_HEADERS:
        if nghttp2_session_get_stream_remote_close(session, frame.hd.stream_id) == 0:
            # The reply does not wait for the rest of the request.
            stream = stream_of(session, frame.hd.stream_id)
            if stream is not None:
                stream.reset_here = True
            nghttp2_submit_rst_stream(
                session, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_NO_ERROR
            )
    return 0


cdef ssize_t read_output(
    nghttp2_session* session, int32_t stream_id, uint8_t* target, size_t room,
    uint32_t* flags, nghttp2_data_source* source, void* user_data
) noexcept:
    cdef Connection connection = <Connection>user_data
    cdef Stream stream = <Stream>source.ptr
    cdef Py_ssize_t size = octets_size(&stream.output)
    if size > <Py_ssize_t>room:
        size = room
    if size > 0:
        memcpy(target, stream.output.data + stream.output.start, size)
        octets_take(&stream.output, size)
        connection.unsent -= size
        stream.stalled_since_ns = monotonic_ns() if octets_size(&stream.output) > 0 else 0
    try:
        if stream.writer is not None and octets_size(&stream.output) <= OUTPUT_LOW_BYTES:
            stream.wake_writer()
        if octets_size(&stream.output) == 0:
            if stream.finished_reply:
                flags[0] = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM
                connection._submit_trailers(stream)
            elif size == 0:
                stream.reply_deferred = True
                return NGHTTP2_ERR_DEFERRED
        return size
    except BaseException:
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE


cdef int on_unknown_frame(
    nghttp2_session* session, void** payload, const nghttp2_frame_hd* head, void* user_data
) noexcept:
    return ERR_CANCEL


cdef void prepare() except *:
    """What all sessions share."""
    cdef int kind
    global CALLBACKS, OPTIONS
    if nghttp2_session_callbacks_new(&CALLBACKS) != 0 or nghttp2_option_new(&OPTIONS) != 0:
        raise MemoryError
    nghttp2_session_callbacks_set_on_begin_frame_callback(CALLBACKS, on_begin_frame)
    nghttp2_session_callbacks_set_on_begin_headers_callback(CALLBACKS, on_begin_headers)
    nghttp2_session_callbacks_set_on_header_callback(CALLBACKS, on_header)
    nghttp2_session_callbacks_set_on_frame_recv_callback(CALLBACKS, on_frame_received)
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(CALLBACKS, on_data)
    nghttp2_session_callbacks_set_on_stream_close_callback(CALLBACKS, on_stream_closed)
    nghttp2_session_callbacks_set_on_frame_send_callback(CALLBACKS, on_frame_sent)
    # nghttp2 tells of those alone that somebody wants, and here they are counted.
    nghttp2_session_callbacks_set_unpack_extension_callback(CALLBACKS, on_unknown_frame)
    for kind in range(NGHTTP2_CONTINUATION + 1, 256):
        nghttp2_option_set_user_recv_extension_type(OPTIONS, kind)
    nghttp2_option_set_no_auto_window_update(OPTIONS, 1)
    nghttp2_option_set_no_closed_streams(OPTIONS, 1)
    nghttp2_option_set_max_outbound_ack(OPTIONS, MAX_PENDING_ACKS)
    nghttp2_option_set_max_continuations(OPTIONS, MAX_CONTINUATIONS)
    # Resets are counted here, and by name.
    nghttp2_option_set_stream_reset_rate_limit(OPTIONS, 1 << 40, 1 << 40)


prepare()
