"""The C face of the network's rules."""

from blrcs_native.address_set cimport AddressRules, AddressSet
from blrcs_native.client_addresses cimport ClientAddresses
from blrcs_native.ip_address cimport AddressC


cdef class CurrentNetwork:
    cdef readonly AddressRules rules
    cdef readonly ClientAddresses clients
    cdef readonly AddressSet proxies

    cdef bint admits_peer(self, const AddressC* address) noexcept
    cdef bint trusts(self, const AddressC* address) noexcept
