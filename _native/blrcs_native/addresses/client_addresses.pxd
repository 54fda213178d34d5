"""The C face of clients' addresses."""

from blrcs_native.addresses.address_set cimport AddressSet


cdef class ClientAddresses:
    cdef readonly AddressSet trusted
    cdef readonly str header
    cdef bint _is_list
    cdef dict _known

    cdef str resolve(self, object metadata, str peer)
    cdef str _walk(self, list values, str peer)
    cdef object _nodes(self, str value)
