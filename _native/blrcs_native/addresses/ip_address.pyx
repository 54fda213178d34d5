"""IP addresses as two numbers, so that they can be compared."""

from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint64_t
from libc.string cimport memchr, memcpy

cdef extern from "<arpa/inet.h>" nogil:
    enum:
        INET6_ADDRSTRLEN
    int AF_INET
    int AF_INET6
    int inet_pton(int family, const char* text, void* address)
    const char* inet_ntop(int family, const void* address, char* text, unsigned int size)

cdef enum:
    IPV4_BYTES = 4
    IPV6_BYTES = 16


cdef inline uint64_t number(const unsigned char* octets, int size) noexcept nogil:
    cdef uint64_t value = 0
    cdef int index
    for index in range(size):
        value = value << 8 | octets[index]
    return value


cdef AddressC from_octets(const unsigned char* octets, int size) noexcept nogil:
    """Of the 4 or 16 octets that an address has on the wire."""
    cdef AddressC address
    address.known = True
    if size == IPV4_BYTES:
        address.high = 0
        address.low = <uint64_t>MAPPED_IPV4 << 32 | number(octets, IPV4_BYTES)
    else:
        address.high = number(octets, 8)
        address.low = number(octets + 8, 8)
    return address


cdef bint read_address(const char* text, AddressC* address) noexcept nogil:
    """Whether it is one, without port, brackets or zone."""
    cdef unsigned char octets[IPV6_BYTES]
    if inet_pton(AF_INET, text, octets) == 1:
        address[0] = from_octets(octets, IPV4_BYTES)
        return True
    if inet_pton(AF_INET6, text, octets) == 1:
        address[0] = from_octets(octets, IPV6_BYTES)
        return True
    address.known = False
    return False


cdef AddressC address_in(str text) except *:
    """Of a peer as calls name it: the zone of a link-local address does not count."""
    cdef AddressC address
    cdef char bare[INET6_ADDRSTRLEN]
    cdef Py_ssize_t size = 0
    cdef const char* octets = PyUnicode_AsUTF8AndSize(text, &size)
    cdef const char* zone = <const char*>memchr(octets, c"%", size)
    address.known = False
    address.high = address.low = 0
    if zone != NULL:
        size = zone - octets
    # One that has a null in it would end there.
    if size >= INET6_ADDRSTRLEN or memchr(octets, 0, size) != NULL:
        return address
    memcpy(bare, octets, size)
    bare[size] = 0
    read_address(bare, &address)
    return address


cdef str address_text(const AddressC* address):
    """The one way to write it: that of an IPv4 address where it is one."""
    cdef char text[INET6_ADDRSTRLEN]
    cdef unsigned char octets[IPV6_BYTES]
    cdef int index
    for index in range(8):
        octets[index] = address.high >> (56 - 8 * index) & 0xFF
        octets[8 + index] = address.low >> (56 - 8 * index) & 0xFF
    if address.high == 0 and address.low >> 32 == MAPPED_IPV4:
        inet_ntop(AF_INET, octets + 12, text, sizeof(text))
    else:
        inet_ntop(AF_INET6, octets, text, sizeof(text))
    return text.decode("ascii")
