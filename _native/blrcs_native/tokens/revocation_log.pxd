"""The log by which processes tell each other of revocations, for native callers."""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from blrcs_native.shared.process_lock cimport load
from blrcs_native.shared.worker_slots cimport WorkerSlots

cdef enum:
    TEXT_BYTES = 208

cdef struct LogHeader:
    uint64_t magic
    uint64_t owner
    uint64_t[6] spare
    # In a line of its own: everyone reads it at every call.
    uint64_t published
    uint64_t[7] rest

cdef struct LogEntry:
    uint64_t sequence
    uint64_t kind
    int64_t instant_ns
    int64_t expires_at_ns
    uint64_t issuer_bytes
    uint64_t id_bytes
    char[TEXT_BYTES] text


@cython.final
cdef class RevocationLog:
    cdef LogHeader* header
    cdef LogEntry* entries
    cdef readonly uint64_t capacity
    cdef WorkerSlots slots
    cdef uint64_t mark
    cdef Py_buffer view
    cdef bint acquired

    cdef inline uint64_t published(self) noexcept nogil:
        return load(&self.header.published)

    cdef bint _lock(self, int64_t tries) noexcept nogil
    cdef void _append(
        self, uint64_t kind, const char* issuer, Py_ssize_t issuer_bytes, const char* id,
        Py_ssize_t id_bytes, int64_t instant_ns, int64_t expires_at_ns
    ) noexcept nogil
    cdef bint read(self, uint64_t sequence, LogEntry* out) noexcept nogil
    cdef void append(
        self, uint64_t kind, const char* issuer, Py_ssize_t issuer_bytes, const char* id,
        Py_ssize_t id_bytes, int64_t instant_ns, int64_t expires_at_ns
    ) noexcept nogil
