"""The nine octets that each frame begins with (RFC 9113, section 4.1)."""

from libc.stdint cimport int32_t, uint8_t

cdef enum:
    FRAME_HEAD_BYTES = 9
    FLAGS_AT = 4
    # What may come, and may be sent, in one frame whatever has been agreed on (section 6.5.2).
    FRAME_BYTES = 16384


cdef inline size_t payload_size(const uint8_t* head) noexcept nogil:
    return <size_t>head[0] << 16 | <size_t>head[1] << 8 | head[2]


cdef inline int32_t stream_of(const uint8_t* head) noexcept nogil:
    """Without the bit that is reserved."""
    return (
        <int32_t>(head[5] & 0x7F) << 24 | <int32_t>head[6] << 16 | <int32_t>head[7] << 8 | head[8]
    )


cdef inline void put_size(uint8_t* head, size_t size) noexcept nogil:
    head[0] = <uint8_t>(size >> 16 & 0xFF)
    head[1] = <uint8_t>(size >> 8 & 0xFF)
    head[2] = <uint8_t>(size & 0xFF)


cdef inline uint8_t* put_frame_head(
    uint8_t* head, size_t size, uint8_t kind, uint8_t flags, int32_t stream_id
) noexcept nogil:
    """Where its payload begins."""
    put_size(head, size)
    head[3] = kind
    head[FLAGS_AT] = flags
    head[5] = <uint8_t>(stream_id >> 24 & 0xFF)
    head[6] = <uint8_t>(stream_id >> 16 & 0xFF)
    head[7] = <uint8_t>(stream_id >> 8 & 0xFF)
    head[8] = <uint8_t>(stream_id & 0xFF)
    return head + FRAME_HEAD_BYTES
