"""The C face of the outgoing half of connections."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from blrcs_native.http2.abuse cimport Abuse, AbuseCounters
from blrcs_native.http2.known_replies cimport KnownReplies, ReplyPart
from blrcs_native.http2.nghttp2 cimport nghttp2_frame
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.session cimport Session
from blrcs_native.http2.stream cimport Stream


cdef class Outgoing(Session):
    # Where what is sent goes to, and how much of it may be there before others have their turn.
    cdef Octets* _out
    cdef Py_ssize_t _out_limit
    # Whole frames that go out before what nghttp2 makes next.
    cdef Octets _written
    # What was sent last may have ended within a head.
    cdef bint is_cut
    # Has what is ready sent, soon.
    cdef object _flush
    cdef KnownReplies _known_replies
    # What nghttp2 has just encoded.
    cdef ReplyPart _part
    # Whose status goes with a head that nghttp2 has had a stand-in for.
    cdef Stream _ended
    cdef AbuseCounters _abuse
    cdef bint condemned
    cdef bint draining
    cdef bint _drain_done
    cdef bint ping_answered
    cdef bint _failed
    cdef bint _lost

    cdef bint pull(self, Octets* out, Py_ssize_t limit) except -1
    cdef void fields_sent(self, const nghttp2_frame* frame) noexcept
    cdef bint has_too_much_to_answer(self, size_t max_streams) noexcept
    cdef void _put_data(self, Stream stream, const uint8_t* head, size_t size) except *
    cdef void flush_soon(self) except *
    cdef void resume_reply(self, Stream stream) except *
    cdef void end_request(self, int32_t stream_id) noexcept
    cdef void drain(self) except *
    cdef void finish_drain(self) except *
    cdef void ping(self) except *
    cdef void condemn(self, Abuse kind, uint32_t error_code, bytes debug) noexcept
