"""Which addresses are served, as it is now."""

cimport cython

from blrcs_native.address_set cimport AddressRules
from blrcs_native.client_addresses cimport ClientAddresses
from blrcs_native.ip_address cimport AddressC, address_in


@cython.final
cdef class CurrentNetwork:
    def __cinit__(self, AddressRules rules not None, ClientAddresses clients=None):
        self.rules = rules
        self.clients = clients

    def replace(self, AddressRules rules not None, ClientAddresses clients):
        self.rules = rules
        self.clients = clients

    def admits_connection(self, str peer not None):
        cdef AddressC address = address_in(peer)
        return self.admits_peer(&address)

    cdef bint admits_peer(self, const AddressC* address) noexcept:
        if self.clients is not None and self.clients.trusted.has(address):
            return True
        return self.rules.admits_address(address)
