"""Which addresses are meant, and which are admitted."""

import ipaddress

cimport cython
from cpython.list cimport PyList_GET_ITEM
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t, uintptr_t

from blrcs_native.addresses.ip_address cimport AddressC, address_in

UNIX = "unix"
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
HALF = 64
LOW_HALF = 2**HALF - 1


def networks_in(text):
    """The network of a text as parts of IPv6: an IPv4 one is mapped, and no other has such parts."""
    network = ipaddress.ip_network(text)
    if network.version == 4:
        mapped = int(MAPPED.network_address) + int(network.network_address)
        return [ipaddress.ip_network((mapped, 96 + network.prefixlen))]
    if MAPPED.subnet_of(network) and network != MAPPED:
        return list(network.address_exclude(MAPPED))
    return [network]


def ranges_of(texts):
    """First and last addresses as numbers, in order, with room between each and the next."""
    merged = []
    for first, last in sorted(
        (int(network.network_address), int(network.broadcast_address))
        for text in texts
        for network in networks_in(text)
    ):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


cdef inline bint is_after(uint64_t high, uint64_t low, uint64_t than_high, uint64_t than_low) noexcept nogil:
    return high > than_high or (high == than_high and low > than_low)


@cython.final
cdef class AddressSet:
    def __cinit__(self, texts=()):
        cdef Py_ssize_t index
        self.texts = tuple(texts)
        self.has_unix = UNIX in self.texts
        self.is_empty = not self.texts
        self._known = [None] * KNOWN_TEXTS
        ranges = ranges_of(text for text in self.texts if text != UNIX)
        self._ranges = <RangeC*>PyMem_Malloc(max(1, len(ranges)) * sizeof(RangeC))
        if self._ranges == NULL:
            raise MemoryError
        self._count = len(ranges)
        for index, (first, last) in enumerate(ranges):
            self._ranges[index].first_high = first >> HALF
            self._ranges[index].first_low = first & LOW_HALF
            self._ranges[index].last_high = last >> HALF
            self._ranges[index].last_low = last & LOW_HALF

    def __dealloc__(self):
        PyMem_Free(self._ranges)

    def __bool__(self):
        return not self.is_empty

    def __contains__(self, str address not None):
        return self.has_text(address)

    cdef bint has(self, const AddressC* address) noexcept nogil:
        cdef Py_ssize_t low = 0
        cdef Py_ssize_t high = self._count
        cdef Py_ssize_t middle
        cdef const RangeC* found
        if not address.known:
            return self.has_unix
        while low < high:
            middle = (low + high) >> 1
            found = &self._ranges[middle]
            if is_after(address.high, address.low, found.last_high, found.last_low):
                low = middle + 1
            elif is_after(found.first_high, found.first_low, address.high, address.low):
                high = middle
            else:
                return True
        return False

    cdef bint has_text(self, str text) except -1:
        """Remembered by the text's identity: all calls of a connection have the same."""
        cdef AddressC address
        cdef Py_ssize_t slot = (<uintptr_t><PyObject*>text >> 4) % KNOWN_TEXTS
        if <PyObject*>PyList_GET_ITEM(self._known, slot) == <PyObject*>text:
            return self._verdicts[slot]
        address = address_in(text)
        self._verdicts[slot] = self.has(&address)
        self._known[slot] = text
        return self._verdicts[slot]


@cython.final
cdef class AddressRules:
    def __cinit__(self, allow=(), deny=()):
        self.allow = AddressSet(allow)
        self.deny = AddressSet(deny)
        self.admits_all = self.allow.is_empty and self.deny.is_empty

    def admits(self, str address not None):
        return self.admits_text(address)

    cdef bint admits_address(self, const AddressC* address) noexcept:
        if self.admits_all:
            return True
        if self.deny.has(address):
            return False
        return self.allow.is_empty or self.allow.has(address)

    cdef bint admits_text(self, str text) except -1:
        if self.admits_all:
            return True
        if self.deny.has_text(text):
            return False
        return self.allow.is_empty or self.allow.has_text(text)
