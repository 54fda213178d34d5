"""C faces of the access table, for the authorization guard written in Cython."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef struct Grant:
    int64_t expires_at_ns  # the largest value stands for never
    int32_t role


cdef struct Slot:
    uint64_t hash
    const char* prefix
    int32_t size_bytes
    int32_t subject
    int32_t first
    int32_t count


cdef struct Subject:
    uint32_t depths  # bit n: some binding stands on a prefix of n segments
    int32_t first    # its roles on any resource
    int32_t count


cdef class AccessTable:
    cdef readonly object epoch
    cdef object _clock
    cdef dict _principals
    cdef bytes _authenticated
    cdef bytes _anonymous
    cdef dict _rows
    cdef dict _memo
    cdef dict _wildcards
    cdef Py_ssize_t _row_size_bytes
    cdef dict _role_ids
    cdef dict _containing
    cdef dict _bindings_of
    cdef list _prefixes
    cdef Slot* _slots
    cdef uint64_t _slot_mask
    cdef Grant* _grants
    cdef Subject* _subjects
    cdef uint64_t _seed

    cdef bint allows(self, str principal, str permission, str resource) except -1
    cdef bint allows_anywhere(self, str principal, str permission) except -1

    cdef void _allocate(self, Py_ssize_t slots, Py_ssize_t grants, Py_ssize_t subjects) except *
    cdef object _place(self, dict slots, list anywhere)
    cdef int32_t _write(self, int32_t used, dict held) except -1
    cdef bytes _row(self, str permission)
    cdef bytes _subjects_of(self, str principal)
    cdef const Slot* _find(
        self, int32_t subject, uint64_t hash, const char* prefix, Py_ssize_t size_bytes
    ) noexcept
    cdef bint _any_live(
        self, int32_t first, int32_t count, bytes row, int64_t* now_ns, bint* read
    ) except -1
