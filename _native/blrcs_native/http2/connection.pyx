"""One HTTP/2 connection of a server, without sockets: bytes in, bytes and calls out.

nghttp2 keeps the protocol's state (`session.pyx`). What it tells is only noted; what follows of it is
done when all bytes have been read, so that no handler runs within nghttp2.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.clock cimport monotonic_ns
from blrcs_native.http2.abuse cimport (
    ACK_FLOOD, CONTINUATION_FLOOD, DECOMPRESSION_BOMB, MESSAGE_BOMB, NO_ABUSE, PROTOCOL_ERROR, Abuse,
    AbuseCounters,
)
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.frame_budget cimport FrameBudget
from blrcs_native.http2.gathering cimport Gathering
from blrcs_native.http2.known_replies cimport KnownReplies
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.listener cimport Listener
from blrcs_native.http2.nghttp2 cimport *
from blrcs_native.http2.octets cimport Octets, octets_append, octets_free, octets_size
from blrcs_native.http2.open_streams cimport OpenStreams
from blrcs_native.http2.outbox cimport outbox_clear, outbox_size
from blrcs_native.http2.plain_heads cimport PlainHeads
from blrcs_native.http2.session cimport FAILURE, forget_error
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.whole_calls cimport WholeCalls

cdef enum:
    ERR_TOO_MANY_CONTINUATIONS = -905  # newer than some headers that are built with
    CONNECTION_WINDOW_BYTES = 16 << 20
    MAX_WINDOW_BYTES = 0x7FFFFFFF


@cython.final
@cython.no_gc_clear
cdef class Connection(WholeCalls):
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
        self._heads = PlainHeads(self._fields.texts)
        self._known_replies = KnownReplies()
        self._flush = flush
        self.peer = peer
        self.peer_address = peer_address
        self.identity = identity
        self.max_receive_bytes = limits.max_receive_bytes
        self.max_unsent_bytes = limits.unsent_bytes
        self.streams = OpenStreams()
        self._ready = []
        self._hidden = []
        self._gathering = Gathering(limits)
        self.now_ns = self.last_activity_ns = monotonic_ns()
        self._budget = FrameBudget(limits, self.now_ns)
        self.open_session()
        self._greet()

    def _greet(self):
        cdef nghttp2_settings_entry settings[5]
        settings[0].settings_id = NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS
        settings[0].value = self._limits.max_streams
        settings[1].settings_id = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        settings[1].value = self._limits.window_bytes
        settings[2].settings_id = NGHTTP2_SETTINGS_MAX_FRAME_SIZE
        settings[2].value = self._limits.frame_bytes
        settings[3].settings_id = NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE
        settings[3].value = self._limits.hard_head_bytes
        # Clients of gRPC order nothing, and the tree of RFC 7540 costs each call (RFC 9218, section 2).
        settings[4].settings_id = NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES
        settings[4].value = 1
        nghttp2_submit_settings(self._session, NGHTTP2_FLAG_NONE, settings, 5)
        # Each call has its own window, which is what bounds it; the one they share does not.
        nghttp2_session_set_local_window_size(
            self._session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES
        )

    @property
    def open_streams(self):
        return self.streams.count

    @property
    def head_is_pending(self):
        return self.head_since_ns != 0

    # Bytes ----------------------------------------------------------------------------------------

    def receive(self, bytes data not None):
        cdef bint goes_on
        self.now_ns = monotonic_ns()
        goes_on = self.receive_octets(
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
        """False when the connection must end once what there is to send has been sent.

        `now_ns` says already when they came.
        """
        cdef ssize_t taken
        if self._failed or self.condemned:
            return False
        try:
            taken = self._heads.receive(self, data, size)
        except BaseException:
            taken = FAILURE
        if taken < 0:
            forget_error()
            self._fail(<int>taken)
        elif self.has_too_much_to_answer(self._limits.max_streams):
            self.show_all()
            self.condemn(ACK_FLOOD, NGHTTP2_ENHANCE_YOUR_CALM, b"too_many_answers")
            return False
        self.process()
        return not (self._failed or self.condemned)

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

    cdef bint finished(self) noexcept:
        """Nothing more comes of it."""
        return self._failed or self.condemned or (
            octets_size(&self._written) == 0
            and self._hidden_open == 0
            and (
                (self._drain_done and self.streams.count == 0)
                or (
                    nghttp2_session_want_read(self._session) == 0
                    and nghttp2_session_want_write(self._session) == 0
                )
            )
        )

    # Calls ----------------------------------------------------------------------------------------

    cdef void process(self) except *:
        """Hands on what the bytes have brought, for one turn."""
        cdef bint is_over = False
        self._grant_waiting()
        if not self._ready:
            self.turn_over = False
            return
        self._listener.current_task.turn_begun()
        try:
            is_over = self._take_turn()
        finally:
            self.turn_ns = 0
            self._listener.current_task.turn_ended()
        self._grant_waiting()
        self.turn_over = is_over and len(self._ready) > 0

    cdef bint _take_turn(self) except -1:
        """Whether the turn is over, however many streams are ready still."""
        cdef Stream stream
        cdef list ready
        cdef list held = None
        cdef bint is_over = False
        cdef int64_t begun_ns, end_ns
        self.turn_ns = monotonic_ns()
        end_ns = self.turn_ns + TURN_NS
        while self._ready and not is_over:
            ready, self._ready = self._ready, []
            for stream in ready:
                if is_over or (self._is_full() and stream.keep_out()):
                    if held is None:
                        held = []
                    held.append(stream)
                    continue
                stream.dirty = False
                begun_ns = self.turn_ns
                self._hand_on(stream)
                if self.turn_ns == begun_ns:
                    self.turn_ns = monotonic_ns()
                is_over = self.turn_ns >= end_ns
        if held is not None:
            self._ready = held + self._ready
        return is_over

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
        if not stream.has_news():
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
            self._budget.call_ended_well()

    cdef void lose(self) except *:
        """The client is gone. Calls that one turn does not come to are left to `process`."""
        cdef Stream stream
        if self._lost:
            return
        streams = self.streams.all()
        self.streams.clear()
        self._hidden.clear()
        self._hidden_open = self._ended_id = self.headed = 0
        self._failed = self._lost = True
        self._flush = self._recent = None
        self._gathering.close()
        self.inflation_turns.close()
        # Those that closed before are not among the streams any more.
        self._ready = [each for each in self._ready if not (<Stream>each).alive]
        for stream in streams:
            nghttp2_session_set_stream_user_data(self._session, stream.id, NULL)
            stream.alive = False
            if stream.active:
                self._ready.append(stream)
        self.process()

    # The request ----------------------------------------------------------------------------------

    cdef void taken(self, Stream stream) except *:
        if stream.granted_bytes > 0:
            self._give_back(stream)
        if stream.alive and not stream.request_ended:
            self._open_window(stream)

    cdef void come_back(self, Stream stream) except *:
        if stream.alive:
            self._mark(stream)
            self.turn_over = True
            self.flush_soon()

    cdef void gather(self, Stream stream) except *:
        if not self._gathering.concerns(stream):
            return
        if not self._is_full() and self._gathering.admit(stream):
            self._open_window(stream)
            return
        self._gathering.wait(stream)

    cdef void too_large(self, bint inflated) noexcept:
        self._abuse.count(DECOMPRESSION_BOMB if inflated else MESSAGE_BOMB)

    cdef void _open_window(self, Stream stream) except *:
        """There may be more room for what the client sends of a stream than it was told of."""
        cdef Py_ssize_t held = octets_size(&stream.input) - stream.missing_bytes()
        if stream.window_used_bytes - held >= self._gathering.unasked_bytes:
            self._tell_window(stream)

    cdef void _tell_window(self, Stream stream) except *:
        """A client may send a window, and beyond it what is missing of the message that is gathered.

        It is not told of every few bytes.
        """
        cdef Py_ssize_t held = octets_size(&stream.input) - stream.missing_bytes()
        cdef Py_ssize_t window = nghttp2_session_get_local_settings(
            self._session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
        )
        # nghttp2 knows of padding too.
        cdef Py_ssize_t told = (
            nghttp2_session_get_stream_effective_local_window_size(self._session, stream.id)
            - nghttp2_session_get_stream_effective_recv_data_length(self._session, stream.id)
        )
        cdef Py_ssize_t room = min(window - held, MAX_WINDOW_BYTES)
        if room - told >= self._gathering.unasked_bytes:
            nghttp2_submit_window_update(
                self._session, NGHTTP2_FLAG_NONE, stream.id, <int32_t>(room - told)
            )
            told = room
            # A handler that reads asks for it too, and then no bytes are on their way.
            self.flush_soon()
        stream.window_used_bytes = window - told

    cdef void _give_back(self, Stream stream) except *:
        if self._gathering.release(stream):
            # After what comes of the message: its reply may be in the way.
            self.turn_over = True
            self.flush_soon()

    cdef void _grant_waiting(self) except *:
        """Replies that are not taken keep further requests out."""
        cdef Stream waiting
        while self._gathering.is_waited_for() and not self._is_full():
            waiting = self._gathering.next_waiting()
            if waiting is None or not self._gathering.admit(waiting):
                return
            self._gathering.leave(waiting)
            self._open_window(waiting)

    # What nghttp2 tells ---------------------------------------------------------------------------

    cdef int frame_begun(self, const nghttp2_frame_hd* head) noexcept:
        if head.type == NGHTTP2_SETTINGS:
            self.greeted = True
        return self._judged(self._budget.charge(head, self.now_ns), b"too_many_frames")

    cdef int _judged(self, Abuse verdict, bytes debug) noexcept:
        if verdict == NO_ABUSE:
            return 0
        self.condemn(verdict, NGHTTP2_ENHANCE_YOUR_CALM, debug)
        return NGHTTP2_ERR_CALLBACK_FAILURE

    cdef void _ended_by_protocol(self, uint32_t error_code) noexcept:
        """nghttp2 itself has said that the client's frames are none."""
        if error_code != NGHTTP2_NO_ERROR and not self.condemned:
            self.condemned = True
            self._abuse.count(PROTOCOL_ERROR)

    cdef int frame_received(self, const nghttp2_frame* frame) except -1:
        cdef Stream stream
        if frame.hd.type == NGHTTP2_PING:
            if frame.hd.flags & NGHTTP2_FLAG_ACK:
                self.ping_answered = True
                return 0
            return self._judged(
                self._budget.ping(self.streams.count > 0, self.now_ns), b"too_many_pings"
            )
        if frame.hd.type == NGHTTP2_SETTINGS:
            self._known_replies.settings_received()
            return 0
        if frame.hd.type == NGHTTP2_RST_STREAM:
            return self._judged(self._budget.reset_by_peer(self.now_ns), b"too_many_resets")
        if frame.hd.type != NGHTTP2_HEADERS and frame.hd.type != NGHTTP2_DATA:
            return 0
        stream = self.stream_named(frame.hd.stream_id)
        if frame.hd.type == NGHTTP2_HEADERS:
            self.head_ended(stream, frame.hd.stream_id, frame.headers.cat == NGHTTP2_HCAT_REQUEST)
        if stream is None:
            return 0
        if frame.hd.flags & NGHTTP2_FLAG_END_STREAM:
            stream.request_ended = True
            self._mark(stream)
        elif frame.hd.type == NGHTTP2_HEADERS:
            self._mark(stream)
        elif frame.hd.flags & NGHTTP2_FLAG_PADDED and not stream.finished_reply:
            self._tell_window(stream)
        return 0

    cdef int data_received(self, Stream stream, const uint8_t* data, size_t size) except -1:
        cdef Py_ssize_t used = 0
        nghttp2_session_consume_connection(self._session, size)
        self.last_activity_ns = self.now_ns
        self._budget.data_received()
        if stream is None or stream.finished_reply:
            return 0
        stream.window_used_bytes += size
        stream.received_bytes += size
        if stream.large is not None:
            used = stream.large.fill(data, size)
        if octets_append(&stream.input, data + used, size - used) < 0:
            raise MemoryError
        if stream.granted_bytes > 0:
            self._open_window(stream)
        self._mark(stream)
        return 0

    cdef int stream_closed(self, Stream stream) except -1:
        stream.alive = False
        self.head_given_up(stream.id)
        self.unsent -= outbox_size(&stream.output)
        outbox_clear(&stream.output)
        stream.drop_input()
        self._gathering.leave(stream)
        if stream.granted_bytes > 0:
            self._give_back(stream)
        if stream.active:
            self._mark(stream)
        self.last_activity_ns = self.now_ns
        self.streams.remove(stream)
        return 0

    cdef int frame_sent(self, const nghttp2_frame* frame) except -1:
        cdef Stream stream
        if frame.hd.type == NGHTTP2_RST_STREAM:
            stream = self.stream_named(frame.hd.stream_id)
            if stream is not None and not stream.reset_here:
                # What is being sent goes on, GOAWAY included: no error to nghttp2.
                self._judged(self._budget.reset_provoked(self.now_ns), b"too_many_resets")
            return 0
        if frame.hd.type == NGHTTP2_GOAWAY:
            self._ended_by_protocol(frame.goaway.error_code)
            return 0
        if frame.hd.type != NGHTTP2_HEADERS and frame.hd.type != NGHTTP2_DATA:
            return 0
        self._budget.answered()
        if frame.hd.type == NGHTTP2_HEADERS:
            self.fields_sent(frame)
        elif frame.hd.flags & NGHTTP2_FLAG_END_STREAM:
            # The status that is behind it.
            self._budget.answered()
        if frame.hd.flags & NGHTTP2_FLAG_END_STREAM:
            self.end_request(frame.hd.stream_id)
        return 0
