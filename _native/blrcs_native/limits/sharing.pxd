"""What lets several processes use one limit table, for native callers."""

from libc.stdint cimport int64_t, uint64_t

from blrcs_native.limits.algorithm cimport RuleC
from blrcs_native.limits.table cimport Journal, LimitTable
from blrcs_native.shared.worker_slots cimport WorkerSlots
from blrcs_native.siphash cimport Hash128

# Exactly one line of the processor's cache each, so that locks do not share one.
cdef struct Stripe:
    uint64_t owner
    int64_t last_seen_ns
    uint64_t[6] spare

cdef struct Place:
    uint64_t used
    uint64_t print_low
    uint64_t print_high
    int64_t limit
    int64_t period_ns
    int64_t lease
    uint64_t[2] spare

cdef struct SharingHeader:
    uint64_t magic
    uint64_t slot_count
    uint64_t places_each
    uint64_t[5] spare

cdef class LimitSharing:
    cdef LimitTable table
    cdef WorkerSlots slots
    cdef Py_buffer view
    cdef bint acquired
    cdef Stripe* stripes
    cdef Journal* journals
    cdef Place* places
    cdef readonly Py_ssize_t places_each
    cdef uint64_t mark
    # Numbers of this process's places that are free.
    cdef uint64_t* free_places
    cdef Py_ssize_t free_count

    cdef int join(self, LimitTable table) except -1
    cdef int64_t enter(self, Hash128 print, int64_t now_ns) noexcept nogil
    cdef void leave(self, Hash128 print) noexcept nogil
    cdef Py_ssize_t stripes_of(
        self, const Hash128* prints, Py_ssize_t count, uint64_t* stripes
    ) noexcept nogil
    cdef int64_t enter_all(
        self, const uint64_t* stripes, Py_ssize_t count, int64_t now_ns
    ) noexcept nogil
    cdef void leave_all(self, const uint64_t* stripes, Py_ssize_t count) noexcept nogil
    # The number of the place, or 0 where there is none left.
    cdef uint64_t occupy(self, const RuleC* rule, Hash128 print, int64_t lease) noexcept nogil
    # To be called before leave; ``forget`` after it.
    cdef void vacate(self, uint64_t place) noexcept nogil
    cdef void forget(self, uint64_t place) noexcept nogil
    cdef int64_t last_seen_ns(self) noexcept nogil
    cdef bint wait_for(self, uint64_t stripe, int64_t tries) noexcept nogil
    cdef void lock(self, uint64_t stripe) noexcept nogil
    cdef void undo(self, uint64_t slot) noexcept nogil
    cdef int64_t give_back_places(self, uint64_t slot, int64_t tries) noexcept nogil
