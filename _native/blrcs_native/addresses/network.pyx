"""Which addresses are served, as it is now."""

cimport cython

from blrcs_native.addresses.address_set cimport AddressRules, AddressSet
from blrcs_native.addresses.client_addresses cimport ClientAddresses
from blrcs_native.addresses.ip_address cimport AddressC


@cython.final
cdef class CurrentNetwork:
    def __cinit__(
        self,
        AddressRules rules not None,
        ClientAddresses clients=None,
        AddressSet proxies=None,
    ):
        self.replace(rules, clients, proxies)

    def replace(
        self, AddressRules rules not None, ClientAddresses clients, AddressSet proxies=None
    ):
        self.rules = rules
        self.clients = clients
        self.proxies = AddressSet() if proxies is None else proxies

    cdef bint admits_peer(self, const AddressC* address) noexcept:
        """Whether a connection is accepted: from an address that is served, or from a proxy, whose
        calls are then judged one by one."""
        if self.clients is not None and self.clients.trusted.has(address):
            return True
        return self.rules.admits_address(address)

    cdef bint trusts(self, const AddressC* address) noexcept:
        """Whether it may say by the PROXY protocol for whom a connection is."""
        return self.proxies.has(address)
