"""The C face of headers of the PROXY protocol."""

from blrcs_native.addresses.ip_address cimport AddressC

cdef enum:
    PROXY_FIXED_BYTES = 16
    MAX_PROXY_BYTES = 536

cdef enum ProxyState:
    PROXY_INCOMPLETE
    PROXY_COMPLETE
    PROXY_BROKEN


cdef class ProxyHeader:
    cdef ProxyState state
    # Whether it tells of a client; else the proxy speaks for itself.
    cdef bint has_client
    # Not known for a client that has none.
    cdef AddressC client
    cdef unsigned char _octets[PROXY_FIXED_BYTES + MAX_PROXY_BYTES]
    cdef Py_ssize_t _size

    cdef Py_ssize_t feed_octets(self, const unsigned char* data, Py_ssize_t size) noexcept
    cdef Py_ssize_t _wanted(self) noexcept
    cdef ProxyState _judged(self) noexcept
    cdef bint _read_client(self) noexcept
    cdef bint _attributes_hold(self, Py_ssize_t start) noexcept
