"""Messages of a reply that wait to be sent: small ones as copies, a large last one as it is."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.string cimport memcpy

from blrcs_native.http2.octets cimport (
    Octets, octets_append, octets_clear, octets_free, octets_reserve, octets_size, octets_take
)

cdef enum:
    # Every message has a flag and its size before it (grpc/grpc, doc/PROTOCOL-HTTP2.md).
    PREFIX_BYTES = 5
    LARGE_REPLY_BYTES = 16384


cdef inline Py_ssize_t prefixed_bytes(const unsigned char* prefix) noexcept nogil:
    """How large the message is that this stands before."""
    return (
        <Py_ssize_t>prefix[1] << 24 | <Py_ssize_t>prefix[2] << 16
        | <Py_ssize_t>prefix[3] << 8 | <Py_ssize_t>prefix[4]
    )


cdef struct Outbox:
    Octets copied
    # Follows what is copied: bytes that are owned, of which so many are sent.
    PyObject* large
    Py_ssize_t large_sent


cdef inline const unsigned char* outbox_large_rest(Outbox* outbox) noexcept:
    return <const unsigned char*>PyBytes_AS_STRING(<bytes>outbox.large) + outbox.large_sent


cdef inline Py_ssize_t outbox_large_size(Outbox* outbox) noexcept:
    if outbox.large == NULL:
        return 0
    return PyBytes_GET_SIZE(<bytes>outbox.large) - outbox.large_sent


cdef inline Py_ssize_t outbox_size(Outbox* outbox) noexcept:
    return octets_size(&outbox.copied) + outbox_large_size(outbox)


cdef inline void outbox_let_go(Outbox* outbox) noexcept:
    cdef PyObject* large = outbox.large
    outbox.large = NULL
    Py_XDECREF(large)


cdef inline int outbox_put(Outbox* outbox, bytes body, unsigned char flag) except -1:
    """Appends a message, behind its prefix."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(body)
    cdef bint is_large = size >= LARGE_REPLY_BYTES
    cdef Py_ssize_t rest = outbox_large_size(outbox)
    cdef Py_ssize_t copied = rest + PREFIX_BYTES + (0 if is_large else size)
    cdef unsigned char* room = octets_reserve(&outbox.copied, copied)
    if room == NULL:
        raise MemoryError
    if rest > 0:
        memcpy(room, outbox_large_rest(outbox), rest)
        outbox_let_go(outbox)
        room += rest
    room[0] = flag
    room[1] = size >> 24 & 0xFF
    room[2] = size >> 16 & 0xFF
    room[3] = size >> 8 & 0xFF
    room[4] = size & 0xFF
    outbox.copied.end += copied
    if is_large:
        Py_INCREF(body)
        outbox.large = <PyObject*>body
        outbox.large_sent = 0
    else:
        memcpy(room + PREFIX_BYTES, PyBytes_AS_STRING(body), size)
    return 0


cdef inline int outbox_move(Outbox* outbox, Octets* target, Py_ssize_t size) except -1:
    """Appends the first `size` bytes, of those that there are, to the target."""
    cdef Py_ssize_t first = min(size, octets_size(&outbox.copied))
    if octets_append(target, outbox.copied.data + outbox.copied.start, first) < 0:
        raise MemoryError
    octets_take(&outbox.copied, first)
    if size > first:
        if octets_append(target, outbox_large_rest(outbox), size - first) < 0:
            raise MemoryError
        outbox.large_sent += size - first
        if outbox_large_size(outbox) == 0:
            outbox_let_go(outbox)
    return 0


cdef inline void outbox_clear(Outbox* outbox) noexcept:
    octets_clear(&outbox.copied)
    outbox_let_go(outbox)


cdef inline void outbox_free(Outbox* outbox) noexcept:
    octets_free(&outbox.copied)
    outbox_let_go(outbox)
