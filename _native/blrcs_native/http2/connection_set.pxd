"""The C face of the connections of a server."""

from blrcs_native.addresses.ip_address cimport AddressC
from blrcs_native.addresses.network cimport CurrentNetwork
from blrcs_native.http2.abuse cimport AbuseCounters
from blrcs_native.http2.connection_rules cimport ConnectionRules
from blrcs_native.http2.dispatcher cimport Dispatcher
from blrcs_native.http2.field_cache cimport FieldCache
from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport Octets
from blrcs_native.http2.poller cimport Pollable, Poller

cdef enum:
    # A connection's reads grow from the least by doubling, as long as little work comes of them.
    LEAST_READ_BYTES = 4096
    MAX_READ_DOUBLINGS = 6
    READ_BYTES = LEAST_READ_BYTES << MAX_READ_DOUBLINGS


cdef class Member(Pollable):
    """A connection as its set knows it."""

    cdef str address

    cdef void drain(self) except *
    cdef void abort(self) except *
    cdef void close(self) except *


cdef class ConnectionSet:
    cdef Dispatcher dispatcher
    cdef Limits limits
    cdef ConnectionRules rules
    cdef AbuseCounters abuse
    # None where every address is served.
    cdef CurrentNetwork network
    cdef FieldCache fields
    cdef Poller poller
    cdef readonly object closed
    cdef set _members
    cdef dict _by_address
    cdef Py_ssize_t _max_connections
    cdef Py_ssize_t _max_per_address
    cdef bint draining
    # All calls are cancelled, and no client is waited for longer than it takes to reach it.
    cdef bint aborting
    # One connection is worked at a time, so that all can share these.
    cdef bytearray cipher_room
    cdef bytearray plain_room
    cdef object cipher_view
    # Its size and itself, as reading into it has them.
    cdef tuple plain_arguments
    cdef Octets out

    cdef bint serves(self, const AddressC* address) noexcept
    cdef bint is_full(self) noexcept
    cdef bint admits(self, str address) except -1
    cdef void joined(self, Member member) except *
    cdef bint moved(self, Member member, str address) except -1
    cdef void _count_out(self, str address) except *
    cdef void left(self, Member member) except *
