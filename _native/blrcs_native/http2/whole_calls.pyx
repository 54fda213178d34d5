"""Calls whose requests come as a whole: nghttp2 is shown one for many of them.

A known head (`known_heads.pyx`) whose body is read together with it, in one frame, behind which an empty
one may end it, is a call that nghttp2 would take as it took the last. It stays hidden from it, and so does
the reply, where its head and its status are known as well, or there is a status alone. What nghttp2 has to
know of them is shown to it before anything else is: each hidden call that is still open as a head and a
body, and for all that have ended one call, with the number of the last of them and with as many octets,
both ways, as they had together. So its account of numbers and windows is right whenever it judges a frame
or makes one. What is unusual is so shown, and judged by it alone.

Calls are shown in the order of their numbers, and where nghttp2 has read all frames to their ends.
"""

from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from blrcs_native.http2.frame_head cimport FRAME_BYTES, FRAME_HEAD_BYTES, put_frame_head
from blrcs_native.http2.incoming_heads cimport IncomingHeads
from blrcs_native.http2.known_heads cimport (
    FIELDS, MOST_STAND_IN_BYTES, STAND_IN_FIELDS, KnownHead,
)
from blrcs_native.http2.nghttp2 cimport *
from blrcs_native.http2.octets cimport octets_append, octets_size
from blrcs_native.http2.outbox cimport outbox_size
from blrcs_native.http2.outgoing cimport Outgoing
from blrcs_native.http2.reply_frames cimport submit_past
from blrcs_native.http2.session cimport FAILURE, forget_error
from blrcs_native.http2.status_literals cimport MOST_LITERAL_BYTES, status_size
from blrcs_native.http2.stream cimport Stream

cdef enum:
    # What is hidden at most, each way: it has to fit into the window of one call.
    MOST_HIDDEN_BYTES = 65535
    MOST_HIDDEN_CALLS = 128
    # Replies that wait to be taken, before further ones wait with their streams.
    MOST_WRITTEN_BYTES = 65536

cdef uint8_t NOTHING[FRAME_BYTES]


cdef inline Py_ssize_t smallest(Py_ssize_t call_window, Py_ssize_t connection_window) noexcept:
    """How much may be hidden one way."""
    cdef Py_ssize_t window = min(call_window, connection_window)
    return min(window, <Py_ssize_t>MOST_HIDDEN_BYTES)


cdef class WholeCalls(IncomingHeads):
    @property
    def hidden_calls(self):
        return self._hidden_open, self._ended_id

    cdef void _mark(self, Stream stream) except *:
        if not stream.dirty:
            stream.dirty = True
            self._ready.append(stream)

    # The way in -----------------------------------------------------------------------------------

    cdef ssize_t feed(self, const uint8_t* data, size_t size) except? FAILURE:
        if self._hidden_open > 0 or self._ended_id != 0:
            self.show_all()
            if self._failed:
                return FAILURE
        return nghttp2_session_mem_recv(self._session, data, size)

    cdef bint take_head(self, KnownHead known, int32_t stream_id) except -1:
        cdef Stream stream
        if not self._has_room_for(0) or not self._budget.call_received(self.now_ns):
            return False
        stream = self.opened(stream_id)
        stream.hidden_head = known
        known.give(stream, self.now_ns)
        if self.headed == 0:
            self._next_body = len(self._hidden)
        self._hidden.append(stream)
        self._hidden_open += 1
        self.headed += 1
        self._mark(stream)
        return True

    cdef bint take_body(self, int32_t stream_id, const uint8_t* body, size_t size) except -1:
        cdef Stream stream = self._headed_stream(stream_id)
        cdef int64_t stated
        if stream is None or not self._has_room_for(size):
            return False
        stated = (<KnownHead>stream.hidden_head).content_bytes
        if stated >= 0 and stated != <int64_t>size:
            return False
        if octets_append(&stream.input, body, size) < 0:
            raise MemoryError
        stream.received_bytes = size
        stream.request_ended = True
        self._budget.data_received()
        self.last_activity_ns = self.now_ns
        self._hidden_received_bytes += size
        self._next_body += 1
        self.headed -= 1
        return True

    cdef Stream _headed_stream(self, int32_t stream_id):
        """The next one of those that wait for their bodies, which mostly come in the same order."""
        cdef Stream stream
        if self._next_body >= len(self._hidden):
            return None
        stream = <Stream>self._hidden[self._next_body]
        return stream if stream.id == stream_id and not stream.request_ended else None

    cdef void all_read(self) except *:
        if self.headed > 0:
            self.show_all()

    cdef bint _has_room_for(self, Py_ssize_t size) noexcept:
        """Whether one more call can be hidden, and would be taken: nghttp2 says what else it is."""
        return (
            self._hidden_received_bytes + size <= smallest(
                nghttp2_session_get_local_settings(
                    self._session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
                ),
                nghttp2_session_get_local_window_size(self._session),
            )
            and len(self._hidden) < MOST_HIDDEN_CALLS
            and self.streams.count < self._limits.max_streams
            and self.running < self._limits.max_streams
            and not self.draining
            and not self.condemned
            # What nghttp2 has to say first may be that it takes no more.
            and nghttp2_session_get_outbound_queue_size(self._session) == 0
        )

    # The way out ----------------------------------------------------------------------------------

    cdef void begin_reply(self, Stream stream) except *:
        if stream.hidden_head is not None:
            stream.settle_encoding()
            if self._answered(stream):
                return
            self._show(stream.id)
        elif self._ended_id != 0:
            # Their messages have taken of the window that is now drawn from.
            self._show(0)
        Outgoing.begin_reply(self, stream)

    cdef void resume_reply(self, Stream stream) except *:
        if self._ended_id != 0:
            self._show(0)
        Outgoing.resume_reply(self, stream)

    cdef void refuse_http(self, Stream stream, bytes http_status) except *:
        if stream.hidden_head is not None:
            self._show(stream.id)
        Outgoing.refuse_http(self, stream, http_status)

    cdef void reset(self, Stream stream, uint32_t error_code) except *:
        if stream.hidden_head is not None:
            self._show(stream.id)
        Outgoing.reset(self, stream, error_code)

    cdef void drain(self) except *:
        self.show_all()
        Outgoing.drain(self)

    cdef bint _answered(self, Stream stream) except -1:
        """Whether the reply is a known one around one message, or a status alone, and is written."""
        cdef Py_ssize_t size = outbox_size(&stream.output)
        cdef Py_ssize_t room
        if not stream.finished_reply or size > FRAME_BYTES or not stream.has_plain_head():
            return False
        if size == 0:
            if stream.initial_metadata is not None or status_size(stream) > MOST_LITERAL_BYTES:
                return False
        elif not stream.has_plain_status():
            return False
        # What nghttp2 has to send goes first; a head of its own may be cut where there is too much.
        if self.is_cut or (
            nghttp2_session_want_write(self._session) != 0
            and self.pull(&self._written, MOST_WRITTEN_BYTES)
        ):
            return False
        room = smallest(
            nghttp2_session_get_remote_settings(
                self._session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE
            ),
            nghttp2_session_get_remote_window_size(self._session),
        )
        if (
            self._ended_sent_bytes + size > room
            or octets_size(&self._written) >= MOST_WRITTEN_BYTES
            or not self._known_replies.size_is_told
            or size > 0 and not self._known_replies.are_whole()
        ):
            return False
        if size > 0:
            self._known_replies.put_reply(&self._written, stream.id, &stream.output)
        else:
            self._known_replies.put_status_alone(&self._written, stream)
        self._end_hidden(stream, size)
        self.flush_soon()
        return True

    cdef void _end_hidden(self, Stream stream, Py_ssize_t sent_bytes) except *:
        stream.reply_begun = True
        stream.alive = False
        stream.drop_input()
        self.unsent -= sent_bytes
        if sent_bytes > 0:
            self._budget.whole_call_answered()
        else:
            self._budget.answered()
        self.last_activity_ns = self.now_ns
        self.streams.remove(stream)
        self._ended_id = max(self._ended_id, stream.id)
        self._ended_received_bytes += stream.received_bytes
        self._ended_sent_bytes += sent_bytes
        self._hidden_open -= 1
        if self._hidden_open == 0:
            self._hidden.clear()

    # What nghttp2 is shown ------------------------------------------------------------------------

    cdef void show_all(self) except *:
        if self._hidden_open > 0 or self._ended_id != 0:
            self._show(INT32_MAX)

    cdef void _show(self, int32_t last_id) except *:
        """Those that are open up to this number, and all that have ended."""
        cdef Stream stream
        cdef Py_ssize_t shown = 0
        last_id = max(last_id, self._ended_id)
        for stream in self._hidden:
            if stream.id > last_id:
                break
            shown += 1
            if not stream.alive:
                continue
            if 0 < self._ended_id < stream.id:
                self._show_ended()
            self._show_open(stream)
        del self._hidden[:shown]
        if self._ended_id != 0:
            self._show_ended()

    cdef void _show_open(self, Stream stream) except *:
        cdef KnownHead head = stream.hidden_head
        stream.hidden_head = None
        self._hidden_open -= 1
        self._recent = stream
        self._show_head(stream.id, head.stand_in, head.stand_in_bytes)
        if stream.request_ended:
            self._show_body(stream.id, stream.received_bytes)
        else:
            self.headed -= 1

    cdef void _show_ended(self) except *:
        """One call for all: its request is read, and its reply made, which is dropped."""
        self.past_id = self._ended_id
        self._recent = None
        self._show_head(self._ended_id, FIELDS, STAND_IN_FIELDS)
        self._show_body(self._ended_id, self._ended_received_bytes)
        self._ended_id = 0
        self._ended_received_bytes = 0
        submit_past(self._session, self.past_id, &self._ended_sent_bytes)
        # No other message waits to be sent: whoever has one shows these first.
        self.pull(&self._written, PY_SSIZE_T_MAX)
        self.past_id = 0
        if self._ended_sent_bytes != 0:
            self._failed = True

    cdef void _show_head(self, int32_t stream_id, const uint8_t* fields, size_t size) except *:
        cdef uint8_t frame[FRAME_HEAD_BYTES + MOST_STAND_IN_BYTES]
        self.head_is_known = True
        memcpy(
            put_frame_head(frame, size, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream_id),
            fields, size,
        )
        self._show_octets(frame, FRAME_HEAD_BYTES + size)

    cdef void _show_body(self, int32_t stream_id, Py_ssize_t size) except *:
        """All there is, of whatever octets."""
        cdef uint8_t frame[FRAME_HEAD_BYTES]
        cdef Py_ssize_t part
        cdef uint8_t flags = NGHTTP2_FLAG_NONE
        self._hidden_received_bytes -= size
        while size > 0:
            part = min(size, <Py_ssize_t>FRAME_BYTES)
            size -= part
            if size == 0:
                flags = NGHTTP2_FLAG_END_STREAM
            put_frame_head(frame, part, NGHTTP2_DATA, flags, stream_id)
            self._show_octets(frame, FRAME_HEAD_BYTES)
            self._show_octets(NOTHING, part)

    cdef void _show_octets(self, const uint8_t* octets, size_t size) except *:
        """Nothing comes of them."""
        cdef ssize_t taken
        self.shows_past = True
        taken = nghttp2_session_mem_recv(self._session, octets, size)
        self.shows_past = False
        if taken < 0:
            forget_error()
            self._failed = True
