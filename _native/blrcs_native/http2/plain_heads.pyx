"""Hands what clients send to nghttp2, heads with the texts in plain that were decoded before.

HPACK (RFC 7541) leaves it to the sender whether a text is Huffman-coded, so a head says the same
either way, and nghttp2 sees heads that a client could have sent. It alone decides on all that it
sees: whatever is unusual here, such as a head in several frames, goes through as it came. Of a head that
it has taken before it is shown a stand-in (`known_heads.pyx`).
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from blrcs_native.http2.frame_head cimport (
    FLAGS_AT, FRAME_BYTES, FRAME_HEAD_BYTES, payload_size, put_size, stream_of,
)
from blrcs_native.http2.huffman_cache cimport (
    LEAST_CODED_BYTES, MOST_CODED_BYTES, CodedText, HuffmanCache,
)
from blrcs_native.http2.known_heads cimport MOST_BLOCK_BYTES, KnownHead, KnownHeads
from blrcs_native.http2.nghttp2 cimport (
    NGHTTP2_CONTINUATION, NGHTTP2_DATA, NGHTTP2_FLAG_END_HEADERS, NGHTTP2_FLAG_END_STREAM,
    NGHTTP2_FLAG_NONE, NGHTTP2_HEADERS,
)
from blrcs_native.http2.session cimport FAILURE, Session
from blrcs_native.http2.stream cimport Stream
from blrcs_native.http2.varying_fields cimport MOST_VARYING, read_varying

cdef enum:
    PREFACE_BYTES = 24
    PADDED = 0x08
    WITH_PRIORITY = 0x20
    PRIORITY_BYTES = 5
    HUFFMAN_CODED = 0x80
    # Of what is not an index alone: a field that is indexed, or a table of another size.
    CHANGES_TABLE = 0x60
    # A field with a name of its own that is not indexed (sections 6.2.2 and 6.2.3).
    LITERAL = 0x00
    NEVER_INDEXED = 0x10
    # Longer numbers stand in no head that is rewritten.
    MOST_NUMBER_BYTES = 4
    # Of a head that comes in parts and may be known.
    MOST_CUT_BYTES = FRAME_HEAD_BYTES + PRIORITY_BYTES + MOST_BLOCK_BYTES


# What is written so far of a frame, and where its room ends.
cdef struct Frame:
    uint8_t* at
    const uint8_t* end


cdef inline bint append(Frame* frame, const uint8_t* data, size_t size) noexcept nogil:
    """False where there is no room."""
    if size > <size_t>(frame.end - frame.at):
        return False
    memcpy(frame.at, data, size)
    frame.at += size
    return True


cdef inline bint append_plain(Frame* frame, const CodedText* text) noexcept nogil:
    """A text as a string literal that is not coded (section 5.2)."""
    if frame.end - frame.at < 1 + MOST_NUMBER_BYTES:
        return False
    frame.at = put_number(frame.at, 0x7F, text.plain_size)
    return append(frame, text.octets + text.coded_size, text.plain_size)


cdef inline bint is_head(const uint8_t* frame) noexcept nogil:
    return frame[3] == NGHTTP2_HEADERS or frame[3] == NGHTTP2_CONTINUATION


cdef inline bint is_empty_end(
    const uint8_t* frame, const uint8_t* end, int32_t stream_id
) noexcept nogil:
    """Whether a frame is there that ends a request and carries nothing."""
    return (
        end - frame >= FRAME_HEAD_BYTES
        and payload_size(frame) == 0
        and frame[3] == NGHTTP2_DATA
        and frame[FLAGS_AT] == NGHTTP2_FLAG_END_STREAM
        and stream_of(frame) == stream_id
    )


cdef inline size_t body_size(
    const uint8_t* frame, size_t size, const uint8_t* end
) noexcept nogil:
    """The octets of a body that is one frame, with its end, which some send in one of its own; else 0."""
    if frame[3] != NGHTTP2_DATA or not FRAME_HEAD_BYTES < size <= FRAME_HEAD_BYTES + FRAME_BYTES:
        return 0
    if frame[FLAGS_AT] == NGHTTP2_FLAG_END_STREAM:
        return size
    if frame[FLAGS_AT] == NGHTTP2_FLAG_NONE and is_empty_end(frame + size, end, stream_of(frame)):
        return size + FRAME_HEAD_BYTES
    return 0


cdef inline const uint8_t* read_number(
    const uint8_t* at, const uint8_t* end, uint8_t prefix, size_t* number
) noexcept nogil:
    """Where an integer ends whose first octet ends with `prefix` (section 5.1); NULL for none."""
    cdef int shift = 0
    number[0] = at[0] & prefix
    at += 1
    if number[0] < prefix:
        return at
    while at < end and shift < 7 * MOST_NUMBER_BYTES:
        number[0] += <size_t>(at[0] & 0x7F) << shift
        at += 1
        if at[-1] < 0x80:
            return at
        shift += 7
    return NULL


cdef inline uint8_t* put_number(uint8_t* at, uint8_t prefix, size_t number) noexcept nogil:
    if number < prefix:
        at[0] = <uint8_t>number
        return at + 1
    at[0] = prefix
    at += 1
    number -= prefix
    while number >= 0x80:
        at[0] = <uint8_t>(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    at[0] = <uint8_t>number
    return at + 1


cdef inline int text_count(const uint8_t* at, const uint8_t* end, const uint8_t** texts) noexcept nogil:
    """How many texts a field has, and where they begin (section 6); -1 for what is no field."""
    cdef size_t number = 0
    cdef uint8_t prefix
    cdef bint is_literal = True
    if at[0] & 0x80:
        prefix = 0x7F
        is_literal = False
    elif at[0] & 0x40:
        prefix = 0x3F
    elif at[0] & 0x20:
        prefix = 0x1F  # no field: it changes the size of the table
        is_literal = False
    else:
        prefix = 0x0F
    texts[0] = read_number(at, end, prefix, &number)
    if texts[0] == NULL:
        return -1
    if not is_literal:
        return 0
    return 1 if number else 2


@cython.final
cdef class PlainHeads:
    def __cinit__(self, HuffmanCache texts not None):
        self._texts = texts
        self._known = KnownHeads()
        self._passing = PREFACE_BYTES

    def __dealloc__(self):
        free(self._cut)

    def rewrite(self, bytes frame not None):
        cdef const uint8_t* octets = <const uint8_t*>PyBytes_AS_STRING(frame)
        cdef size_t size = PyBytes_GET_SIZE(frame)
        if size < FRAME_HEAD_BYTES or size != FRAME_HEAD_BYTES + payload_size(octets):
            raise ValueError("a frame is whole, and alone")
        size = self._rewrite(octets, size)
        return self._texts.room[:size] if size else None

    cdef ssize_t receive(
        self, Session session, const uint8_t* data, size_t size
    ) except? FAILURE:
        """nghttp2_session_mem_recv, for what a client sends from its first octet on."""
        cdef const uint8_t* end = data + size
        cdef const uint8_t* at = data
        cdef const uint8_t* kept = data  # what nghttp2 has not seen begins here
        cdef size_t whole, plain, body
        cdef KnownHead known
        cdef bint learns
        cdef ssize_t taken
        while at < end:
            if self._passing > 0:
                whole = min(self._passing, <size_t>(end - at))
                self._passing -= whole
                self._note_cut(at, whole)
                at += whole
                continue
            if self._head_size > 0 or end - at < FRAME_HEAD_BYTES:
                at = self._gather(at, end)
                continue
            whole = FRAME_HEAD_BYTES + payload_size(at)
            if whole > <size_t>(end - at):
                self._pass_on(at, 0, whole)
                continue
            if not is_head(at):
                if session.headed > 0 and kept == at:
                    body = body_size(at, whole, end)
                    if body > 0 and self._body_taken(session, at, whole):
                        whole = body
                        kept = at + whole
                at += whole
                continue
            known = self._find(at, whole)
            if known is not None:
                plain = self._stand_in(at, known)
                learns = False
            else:
                plain = self._rewrite(at, whole)
                learns = self._is_worth_learning(at, whole)
            if plain > 0 or learns:
                if at > kept:
                    taken = session.feed(kept, at - kept)
                    if taken < 0:
                        return taken
                    kept = at
                if known is None or not self._head_taken(session, known, at):
                    taken = self._hand_on(session, known, at, whole, plain, learns)
                    if taken < 0:
                        return taken
                kept = at + whole
            self._last_id = max(self._last_id, stream_of(at))
            at += whole
        if end > kept:
            return session.feed(kept, end - kept)
        session.all_read()
        return 0

    cdef ssize_t _hand_on(
        self, Session session, KnownHead known, const uint8_t* frame, size_t size, size_t plain,
        bint learns
    ) except? FAILURE:
        """A head as itself, or as what lies in the room of the cache."""
        cdef ssize_t taken
        self._recalled = known
        self._learned = frame + FRAME_HEAD_BYTES if learns else NULL
        self._learned_bytes = size - FRAME_HEAD_BYTES
        if plain > 0:
            taken = session.feed(self._texts.room, plain)
        else:
            taken = session.feed(frame, size)
        self._recalled = None
        self._learned = NULL
        return taken

    cdef bint _head_taken(self, Session session, KnownHead known, const uint8_t* frame) except -1:
        cdef int32_t stream_id = stream_of(frame)
        return (
            frame[FLAGS_AT] == NGHTTP2_FLAG_END_HEADERS
            and stream_id > self._last_id
            and stream_id & 1
            and session.take_head(known, stream_id)
        )

    cdef bint _body_taken(self, Session session, const uint8_t* frame, size_t size) except -1:
        return session.take_body(
            stream_of(frame), frame + FRAME_HEAD_BYTES, size - FRAME_HEAD_BYTES
        )

    cdef void head_read(self, Stream stream, int64_t now_ns) except *:
        """nghttp2 has taken the head of a request."""
        if self._recalled is not None:
            self._recalled.give(stream, now_ns)
        elif self._learned != NULL:
            self._known.learn(
                stream, self._learned, self._learned_bytes, &self._differing, now_ns
            )

    cdef KnownHead _find(self, const uint8_t* frame, size_t size):
        if frame[4] & ~NGHTTP2_FLAG_END_STREAM != NGHTTP2_FLAG_END_HEADERS:
            return None
        return self._known.find(frame + FRAME_HEAD_BYTES, size - FRAME_HEAD_BYTES)

    cdef bint _is_worth_learning(self, const uint8_t* frame, size_t size) noexcept:
        """Of a frame that `_rewrite` has just looked at; its table may be another from now on."""
        if not self._is_neutral:
            self._known.forget()
            return False
        return (
            frame[4] & ~NGHTTP2_FLAG_END_STREAM == NGHTTP2_FLAG_END_HEADERS
            and self._known.is_seen_again(
                frame + FRAME_HEAD_BYTES, size - FRAME_HEAD_BYTES, &self._differing
            )
        )

    cdef size_t _stand_in(self, const uint8_t* frame, KnownHead known) noexcept:
        """The size of a frame, in the room of the cache, that stands for a known one."""
        memcpy(self._texts.room, frame, FRAME_HEAD_BYTES)
        memcpy(self._texts.room + FRAME_HEAD_BYTES, known.stand_in, known.stand_in_bytes)
        return framed(
            self._texts.room, self._texts.room + FRAME_HEAD_BYTES + known.stand_in_bytes
        )

    cdef void _pass_on(self, const uint8_t* head, size_t passed, size_t size) noexcept:
        """A frame with this head, of which so many octets have passed, goes through as it is."""
        self._passing = size - passed
        if is_head(head):
            self._last_id = max(self._last_id, stream_of(head))
            self._cut = NULL if size > MOST_CUT_BYTES else <uint8_t*>malloc(size)
            if self._cut == NULL:
                self._known.forget()
            self._cut_size = 0
            self._note_cut(head, passed)

    cdef void _note_cut(self, const uint8_t* octets, size_t size) noexcept:
        """Keeps octets of a head that comes in parts, to tell in the end whether it changed the table."""
        if self._cut == NULL:
            return
        memcpy(self._cut + self._cut_size, octets, size)
        self._cut_size += size
        if self._passing == 0:
            self._rewrite(self._cut, self._cut_size)
            if not self._is_neutral:
                self._known.forget()
            free(self._cut)
            self._cut = NULL

    cdef const uint8_t* _gather(self, const uint8_t* at, const uint8_t* end) noexcept:
        """The head of a frame that is not there as a whole: its frame goes through as it is."""
        while at < end and self._head_size < FRAME_HEAD_BYTES:
            self._head[self._head_size] = at[0]
            self._head_size += 1
            at += 1
        if self._head_size == FRAME_HEAD_BYTES:
            self._head_size = 0
            self._pass_on(
                self._head, FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + payload_size(self._head)
            )
        return at

    cdef void _note_varying(
        self, const uint8_t* block, const uint8_t* name, const uint8_t* end
    ) noexcept:
        if name < end and read_varying(
            block, name, end, &self._differing.values[self._differing.count]
        ):
            self._differing.count += 1

    cdef size_t _rewrite(self, const uint8_t* frame, size_t size) noexcept:
        """The size of a frame that says the same with texts in plain; 0 where none is known.

        It lies in the room of the cache.
        """
        cdef const uint8_t* at = frame + FRAME_HEAD_BYTES
        cdef const uint8_t* end = frame + size
        cdef const uint8_t* kept = frame  # what is not written yet begins here
        cdef const uint8_t* coded
        cdef const CodedText* found
        cdef Frame written
        cdef size_t length = 0
        cdef int texts, place = 0
        cdef bint is_neutral = True
        cdef uint8_t kind
        self._is_neutral = False
        self._differing.count = 0
        written.at = self._texts.room
        written.end = self._texts.room + sizeof(self._texts.room)
        if (
            frame[3] != NGHTTP2_HEADERS
            or not frame[4] & NGHTTP2_FLAG_END_HEADERS
            or frame[4] & PADDED
        ):
            return 0
        if frame[4] & WITH_PRIORITY:
            at += PRIORITY_BYTES
        while at < end:
            kind = at[0]
            if kind < 0x80 and kind & CHANGES_TABLE:
                is_neutral = False
            texts = text_count(at, end, &at)
            if texts < 0:
                return 0
            if (kind == LITERAL or kind == NEVER_INDEXED) and self._differing.count < MOST_VARYING:
                self._note_varying(frame + FRAME_HEAD_BYTES, at, end)
            while texts > 0:
                texts -= 1
                if at >= end:
                    return 0
                coded = read_number(at, end, 0x7F, &length)
                if coded == NULL or length > <size_t>(end - coded):
                    return 0
                if (
                    at[0] & HUFFMAN_CODED
                    and LEAST_CODED_BYTES <= length <= MOST_CODED_BYTES
                    and place < PLACES
                ):
                    found = self._texts.find(coded, length, &self._places[place])
                    place += 1
                    if found != NULL:
                        if not append(&written, kept, at - kept) or not append_plain(&written, found):
                            return 0
                        kept = coded + length
                at = coded + length
        self._is_neutral = is_neutral
        if kept == frame or not append(&written, kept, end - kept):
            return 0
        return framed(self._texts.room, written.at)


cdef inline size_t framed(uint8_t* frame, const uint8_t* end) noexcept nogil:
    """Writes the length of a frame's payload into its head; the frame's size."""
    cdef size_t size = end - frame
    cdef size_t payload = size - FRAME_HEAD_BYTES
    put_size(frame, payload)
    return size
