"""The C face of the network's rules."""

from blrcs_native.addresses.address_set cimport AddressRules, AddressSet
from blrcs_native.addresses.client_addresses cimport ClientAddresses
from blrcs_native.addresses.ip_address cimport AddressC


cdef class CurrentNetwork:
    cdef readonly AddressRules rules
    cdef readonly ClientAddresses clients
    cdef readonly AddressSet proxies

    cdef bint admits_peer(self, const AddressC* address) noexcept
    cdef bint trusts(self, const AddressC* address) noexcept
