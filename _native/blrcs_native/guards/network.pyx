"""The guard that asks where a call comes from."""

cimport cython

from blrcs_native.addresses.address_set cimport AddressRules
from blrcs_native.addresses.client_addresses cimport ClientAddresses
from blrcs_native.addresses.network cimport CurrentNetwork
from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.guards.guard cimport Guard

DENIED = "ADDRESS_NOT_ALLOWED"
UNKNOWN = "CLIENT_ADDRESS_UNKNOWN"


@cython.final
cdef class NetworkGuard(Guard):
    cdef CurrentNetwork network
    cdef AddressRules own
    cdef Rejection denied
    cdef Rejection unknown

    def __init__(self, CurrentNetwork network, AddressRules own, rejections):
        Guard.__init__(self, "network")
        self.network = network
        self.own = own
        self.denied = rejections[DENIED]
        self.unknown = rejections[UNKNOWN]

    cpdef object check(self, Call call):
        cdef CurrentNetwork network = self.network
        cdef str address
        if network is not None:
            if network.clients is not None:
                address = network.clients.resolve(call.metadata, call.peer_address)
                if address is None:
                    return self.unknown
                call.peer_address = address
            if not network.rules.admits_text(call.peer_address):
                return self.denied
        if self.own is not None and not self.own.admits_text(call.peer_address):
            return self.denied
        return None
