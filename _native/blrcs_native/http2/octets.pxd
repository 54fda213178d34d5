"""Bytes that are appended at one end and taken at the other, in one block of memory."""

from libc.string cimport memcpy, memmove

from blrcs_native.http2.block_pool cimport give_back, take_more

cdef enum:
    # As much as a block of the pool has room for.
    FIRST_BYTES = 112
    KEPT_BYTES = 4096


cdef struct Octets:
    unsigned char* data
    Py_ssize_t start
    Py_ssize_t end
    Py_ssize_t capacity


cdef inline Py_ssize_t octets_size(Octets* octets) noexcept nogil:
    return octets.end - octets.start


cdef inline unsigned char* octets_reserve(Octets* octets, Py_ssize_t size) noexcept nogil:
    """Room for `size` bytes behind the last, or NULL where there is no memory for them."""
    cdef Py_ssize_t held = octets.end - octets.start
    cdef Py_ssize_t capacity
    cdef unsigned char* data
    if octets.capacity - octets.end >= size:
        return octets.data + octets.end
    if octets.start > 0 and octets.capacity - held >= size and octets.start >= held:
        memcpy(octets.data, octets.data + octets.start, held)
    else:
        # Large ones grow by an eighth, so that little is held in vain.
        capacity = held + size
        capacity = FIRST_BYTES if capacity <= FIRST_BYTES else capacity + max(capacity >> 3, 256)
        if octets.start > 0 and held > 0:
            memmove(octets.data, octets.data + octets.start, held)
        octets.end = held
        octets.start = 0
        data = <unsigned char*>take_more(octets.data, capacity, NULL)
        if data == NULL:
            return NULL
        octets.data = data
        octets.capacity = capacity
    octets.end = held
    octets.start = 0
    return octets.data + held


cdef inline int octets_append(
    Octets* octets, const unsigned char* data, Py_ssize_t size
) noexcept nogil:
    """0, or -1 where there is no memory."""
    cdef unsigned char* room
    if size == 0:
        return 0
    room = octets_reserve(octets, size)
    if room == NULL:
        return -1
    memcpy(room, data, size)
    octets.end += size
    return 0


cdef inline void octets_clear(Octets* octets) noexcept nogil:
    """Empties it; a large block is given back, so that who is idle holds little."""
    octets.start = 0
    octets.end = 0
    if octets.capacity > KEPT_BYTES:
        give_back(octets.data, NULL)
        octets.data = NULL
        octets.capacity = 0


cdef inline void octets_take(Octets* octets, Py_ssize_t size) noexcept nogil:
    """Drops the first `size` bytes."""
    octets.start += size
    if octets.start == octets.end:
        octets_clear(octets)


cdef inline void octets_free(Octets* octets) noexcept nogil:
    give_back(octets.data, NULL)
    octets.data = NULL
    octets.start = octets.end = octets.capacity = 0
