"""The C face of IP addresses."""

from libc.stdint cimport uint64_t

cdef enum:
    MAPPED_IPV4 = 0xFFFF  # what stands above an IPv4 address in the lower half of a mapped one


cdef struct AddressC:
    # Both halves of an IPv6 address; an IPv4 one is mapped into it (RFC 4291, section 2.5.5.2).
    uint64_t high
    uint64_t low
    # Whether it is one at all, and not the name of a transport that has none.
    bint known


cdef bint read_address(const char* text, AddressC* address) noexcept nogil
cdef AddressC address_in(str text) except *
cdef str address_text(const AddressC* address)
cdef AddressC from_octets(const unsigned char* octets, int size) noexcept nogil
