"""Calls whose client is slow to take the reply, or to send the request.

Both hold memory, and a call's place. What the server itself keeps the client from is never held
against it.
"""

from libc.stdint cimport int64_t

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.http2.abuse cimport SLOW_BODY, STALLED_REPLY
from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules
from blrcs_native.http2.nghttp2 cimport (
    NGHTTP2_CANCEL, nghttp2_session_get_stream_effective_local_window_size,
    nghttp2_session_get_stream_effective_recv_data_length,
)
from blrcs_native.http2.octets cimport octets_size
from blrcs_native.http2.outbox cimport PREFIX_BYTES, outbox_size
from blrcs_native.http2.stream cimport Stream

from blrcs_native.calls.rejection import explained

cdef int64_t SECOND = 1_000_000_000
cdef enum:
    DEADLINE_EXCEEDED = 4

cdef Rejection TOO_SLOW = explained(
    DEADLINE_EXCEEDED, "transport", "REQUEST_TOO_SLOW", "the request came too slowly"
)


cdef void end_slow_streams(Connection connection, ConnectionRules rules, int64_t now_ns) except *:
    """To be asked again and again, at least once in each of the two time-outs."""
    if rules.stall_timeout_ns != 0 and connection.unsent > 0:
        end_stalled_replies(connection, rules, now_ns)
    if rules.body_timeout_ns != 0:
        end_slow_requests(connection, rules, now_ns)


cdef void end_stalled_replies(
    Connection connection, ConnectionRules rules, int64_t now_ns
) except *:
    cdef Stream stream
    for stream in connection.streams.all():
        if (
            stream.stalled_since_ns != 0
            and outbox_size(&stream.output) > 0
            and now_ns - stream.stalled_since_ns >= rules.stall_timeout_ns
        ):
            connection._abuse.count(STALLED_REPLY)
            connection.reset(stream, NGHTTP2_CANCEL)


cdef void end_slow_requests(Connection connection, ConnectionRules rules, int64_t now_ns) except *:
    """In each period of the time-out a client that owes bytes has to send at the least rate."""
    cdef Stream stream
    cdef int64_t spent_ns
    for stream in connection.streams.all():
        if not owes_bytes(stream) or not may_send(connection, stream):
            stream.owing_since_ns = 0
            continue
        if stream.owing_since_ns != 0:
            spent_ns = now_ns - stream.owing_since_ns
            if spent_ns < rules.body_timeout_ns:
                continue
            if is_slow(stream.received_bytes - stream.received_before, rules, spent_ns):
                connection._abuse.count(SLOW_BODY)
                connection._listener.broken(stream, TOO_SLOW)
                continue
        stream.owing_since_ns = now_ns
        stream.received_before = stream.received_bytes


cdef bint is_slow(Py_ssize_t received_bytes, ConnectionRules rules, int64_t spent_ns) noexcept:
    return received_bytes < <double>rules.min_body_bytes_per_s * spent_ns / SECOND


cdef bint owes_bytes(Stream stream) noexcept:
    """Whether the request is within a message; one where the client does not stream, until it ends.

    Between messages a stream may be silent for as long as it likes.
    """
    cdef Py_ssize_t size = octets_size(&stream.input)
    if not stream.active or stream.request_ended or stream.finished_reply:
        return False
    if not stream.pipeline.method.client_streaming:
        return True
    if stream.large is not None:
        return stream.large.missing > 0
    if size < PREFIX_BYTES:
        return size > 0
    # A prefix that nobody has looked at belongs to a message that nobody has asked for yet.
    return 0 <= stream.message_bytes and size < PREFIX_BYTES + stream.message_bytes


cdef bint may_send(Connection connection, Stream stream) noexcept:
    """Whether the window is open: not where the handler reads slowly, or others gather first."""
    return nghttp2_session_get_stream_effective_recv_data_length(
        connection._session, stream.id
    ) < nghttp2_session_get_stream_effective_local_window_size(connection._session, stream.id)


def end_slow(Connection connection not None, ConnectionRules rules not None, int64_t now_ns):
    end_slow_streams(connection, rules, now_ns)
