"""The connections of a server, and all that they share."""

import asyncio

cimport cython

from blrcs_native.addresses.ip_address cimport AddressC, address_in
from blrcs_native.addresses.network cimport CurrentNetwork
from blrcs_native.http2.abuse cimport (
    ADDRESS_DENIED, ADDRESS_LIMIT, CONNECTION_LIMIT, AbuseCounters,
)
from blrcs_native.http2.connection_rules cimport ConnectionRules
from blrcs_native.http2.dispatcher cimport Dispatcher
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport octets_free
from blrcs_native.http2.poller cimport Pollable, Poller


cdef class Member(Pollable):
    cdef void drain(self) except *:
        """Ends when its calls have ended, and refuses new ones retryably."""
        raise NotImplementedError

    cdef void abort(self) except *:
        """Cancels the calls that run, and ends once the client is told."""
        raise NotImplementedError

    cdef void close(self) except *:
        """Ends now."""
        raise NotImplementedError


@cython.final
cdef class ConnectionSet:
    def __cinit__(
        self,
        Dispatcher dispatcher not None,
        Limits limits not None,
        ConnectionRules rules not None,
        AbuseCounters abuse not None,
        *,
        Py_ssize_t max_connections,
        Py_ssize_t max_connections_per_address,
        CurrentNetwork network=None,
    ):
        self.dispatcher = dispatcher
        self.limits = limits
        self.rules = rules
        self.abuse = abuse
        self.network = network
        self.fields = FieldCache()
        self.poller = Poller(dispatcher.loop)
        self.closed = asyncio.Event()
        self._members = set()
        self._by_address = {}
        self._max_connections = max_connections
        self._max_per_address = max_connections_per_address
        self.cipher_room = bytearray(READ_BYTES)
        self.plain_room = bytearray(READ_BYTES)
        self.cipher_view = memoryview(self.cipher_room)
        self.plain_arguments = (READ_BYTES, self.plain_room)

    def __dealloc__(self):
        octets_free(&self.out)

    def __len__(self):
        return len(self._members)

    cdef bint is_full(self) noexcept:
        """Whether no further connection is admitted, wherever it comes from; counted."""
        if len(self._members) < self._max_connections:
            return False
        self.abuse.count(CONNECTION_LIMIT)
        return True

    cdef bint admits(self, str address) except -1:
        """Whether one more of this address is; where not, it is counted."""
        if self._by_address.get(address, 0) < self._max_per_address:
            return True
        self.abuse.count(ADDRESS_LIMIT)
        return False

    cdef void joined(self, Member member) except *:
        self._members.add(member)
        self._by_address[member.address] = self._by_address.get(member.address, 0) + 1

    cdef bint moved(self, Member member, str address) except -1:
        """Whether a member may stay that turns out to come from elsewhere; it is counted there."""
        cdef AddressC binary = address_in(address)
        if not self.serves(&binary):
            return False
        if address == member.address:
            return True
        if not self.admits(address):
            return False
        self._count_out(member.address)
        member.address = address
        self._by_address[address] = self._by_address.get(address, 0) + 1
        return True

    cdef void _count_out(self, str address) except *:
        count = self._by_address[address] - 1
        if count:
            self._by_address[address] = count
        else:
            del self._by_address[address]

    cdef void left(self, Member member) except *:
        """Once all that ran for it has been told."""
        self._members.remove(member)
        self._count_out(member.address)
        if self.draining and not self._members:
            self.closed.set()

    cdef bint serves(self, const AddressC* address) noexcept:
        """Whether a connection from there is; where not, it is counted."""
        if self.network is None or self.network.admits_peer(address):
            return True
        self.abuse.count(ADDRESS_DENIED)
        return False

    def close_denied(self):
        cdef Member member
        cdef AddressC address
        for member in tuple(self._members):
            address = address_in(member.address)
            if not self.serves(&address):
                member.close()

    def drain(self):
        cdef Member member
        self.draining = True
        for member in tuple(self._members):
            member.drain()
        if not self._members:
            self.closed.set()

    def abort(self):
        cdef Member member
        self.aborting = True
        for member in tuple(self._members):
            member.abort()

    def close(self):
        cdef Member member
        for member in tuple(self._members):
            member.close()
        self.poller.close()
