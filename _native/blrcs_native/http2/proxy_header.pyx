"""The header of the PROXY protocol, version 2."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, memcpy

from blrcs_native.addresses.ip_address cimport address_text, from_octets

MAX_BYTES = MAX_PROXY_BYTES

cdef const unsigned char* SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

cdef enum:
    SIGNATURE_BYTES = 12
    LOCAL = 0x20
    PROXY = 0x21
    UNSPECIFIED = 0x00
    TCP_OVER_IPV4 = 0x11
    TCP_OVER_IPV6 = 0x21
    UNIX_STREAM = 0x31
    IPV4_BLOCK_BYTES = 12
    IPV6_BLOCK_BYTES = 36
    UNIX_BLOCK_BYTES = 216
    ATTRIBUTE_HEAD_BYTES = 3
    CHECKSUM = 0x03
    CHECKSUM_BYTES = 4


cdef uint32_t POLYNOMIAL = 0x82F63B78


cdef uint32_t crc32c(
    const unsigned char* octets, Py_ssize_t size, Py_ssize_t hole
) noexcept nogil:
    """By RFC 3720, appendix B.4, with four octets from `hole` on taken as zeros."""
    cdef uint32_t crc = ~<uint32_t>0
    cdef Py_ssize_t index
    cdef int bit
    for index in range(size):
        if index < hole or index >= hole + CHECKSUM_BYTES:
            crc ^= octets[index]
        for bit in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return ~crc


@cython.final
cdef class ProxyHeader:
    def feed(self, bytes data not None):
        return self.feed_octets(
            <const unsigned char*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)
        )

    @property
    def complete(self):
        return self.state == PROXY_COMPLETE

    @property
    def broken(self):
        return self.state == PROXY_BROKEN

    @property
    def address(self):
        if self.state != PROXY_COMPLETE or not self.has_client:
            return None
        return address_text(&self.client) if self.client.known else "unix"

    cdef Py_ssize_t feed_octets(self, const unsigned char* data, Py_ssize_t size) noexcept:
        """How many octets belong to it."""
        cdef Py_ssize_t used = 0
        cdef Py_ssize_t part
        while self.state == PROXY_INCOMPLETE and used < size:
            part = min(self._wanted() - self._size, size - used)
            memcpy(self._octets + self._size, data + used, part)
            self._size += part
            used += part
            self.state = self._judged()
        return used

    cdef Py_ssize_t _wanted(self) noexcept:
        """How many octets there are to be, as far as it says until now."""
        if self._size < PROXY_FIXED_BYTES:
            return PROXY_FIXED_BYTES
        return PROXY_FIXED_BYTES + (self._octets[14] << 8 | self._octets[15])

    cdef ProxyState _judged(self) noexcept:
        if memcmp(self._octets, SIGNATURE, min(self._size, SIGNATURE_BYTES)) != 0:
            return PROXY_BROKEN
        if self._size > SIGNATURE_BYTES and self._octets[12] not in (LOCAL, PROXY):
            return PROXY_BROKEN
        if self._size < PROXY_FIXED_BYTES:
            return PROXY_INCOMPLETE
        if self._wanted() > PROXY_FIXED_BYTES + MAX_PROXY_BYTES:
            return PROXY_BROKEN
        if self._size < self._wanted():
            return PROXY_INCOMPLETE
        # What else a proxy says of its own connections has no meaning.
        if self._octets[12] == LOCAL or self._read_client():
            return PROXY_COMPLETE
        return PROXY_BROKEN

    cdef bint _read_client(self) noexcept:
        """Whether what is said of the client holds together."""
        cdef int kind = self._octets[13]
        cdef Py_ssize_t block
        if kind == UNSPECIFIED:
            block = 0
        elif kind == TCP_OVER_IPV4:
            block = IPV4_BLOCK_BYTES
        elif kind == TCP_OVER_IPV6:
            block = IPV6_BLOCK_BYTES
        elif kind == UNIX_STREAM:
            block = UNIX_BLOCK_BYTES
        else:
            return False
        if self._size < PROXY_FIXED_BYTES + block:
            return False
        self.has_client = kind != UNSPECIFIED
        self.client.known = False
        if kind == TCP_OVER_IPV4:
            self.client = from_octets(self._octets + PROXY_FIXED_BYTES, 4)
        elif kind == TCP_OVER_IPV6:
            self.client = from_octets(self._octets + PROXY_FIXED_BYTES, 16)
        return self._attributes_hold(PROXY_FIXED_BYTES + block)

    cdef bint _attributes_hold(self, Py_ssize_t start) noexcept:
        """Whether type-length-values fill the rest, and a checksum among them is right."""
        cdef Py_ssize_t value
        cdef Py_ssize_t end
        cdef uint32_t stated
        while start < self._size:
            value = start + ATTRIBUTE_HEAD_BYTES
            if value > self._size:
                return False
            end = value + (self._octets[start + 1] << 8 | self._octets[start + 2])
            if end > self._size:
                return False
            if self._octets[start] == CHECKSUM:
                if end - value != CHECKSUM_BYTES:
                    return False
                stated = (
                    <uint32_t>self._octets[value] << 24 | <uint32_t>self._octets[value + 1] << 16
                    | <uint32_t>self._octets[value + 2] << 8 | self._octets[value + 3]
                )
                if crc32c(self._octets, self._size, value) != stated:
                    return False
            start = end
        return True
