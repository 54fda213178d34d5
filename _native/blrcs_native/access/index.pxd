"""C faces of where members hold which roles, for the access table."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from blrcs_native.access.resource_template cimport ResourcePrefix
from blrcs_native.access.terms cimport Terms

cdef int64_t NEVER_NS


cdef enum Assumption:
    ASK = 0           # a condition has to be asked
    ASSUME_TRUE = 1   # as if every condition held
    ASSUME_FALSE = 2  # as if none did


cdef struct Grant:
    int64_t expires_at_ns  # the largest value stands for never
    int32_t role
    int32_t condition      # -1 without one


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


# What one decision asks, of one index or of two.
cdef struct Question:
    const int32_t* subjects
    Py_ssize_t subject_count
    ResourcePrefix* prefixes
    int depth
    const char* resource
    const unsigned char* roles  # bit n: role n has the permission
    Assumption assumption


cdef inline void ask(Question* question, bytes roles, bytes subjects) noexcept:
    question.roles = <const unsigned char*>PyBytes_AS_STRING(roles)
    question.subjects = <const int32_t*>PyBytes_AS_STRING(subjects)
    question.subject_count = PyBytes_GET_SIZE(subjects) // <Py_ssize_t>sizeof(int32_t)


cdef class BindingIndex:
    cdef readonly bint reads_message
    cdef bint _denies
    cdef tuple _conditions
    cdef list _prefixes
    cdef Slot* _slots
    cdef uint64_t _slot_mask
    cdef Grant* _grants
    cdef Subject* _subjects
    cdef int32_t _subject_count
    cdef uint64_t _seed

    cdef bint covers(self, Question* question, Terms* terms) except -1
    cdef bint covers_anything(self, Question* question, Terms* terms) except -1

    cdef void _allocate(self, Py_ssize_t slots, Py_ssize_t grants) except *
    cdef object _place(self, dict placed, list anywhere)
    cdef int32_t _write(self, int32_t used, dict held) except -1
    cdef const Slot* _find(
        self, int32_t subject, uint64_t hash, const char* prefix, Py_ssize_t size_bytes
    ) noexcept
    cdef bint _gather(
        self, int32_t first, int32_t count, Question* question, Terms* terms
    ) except -1
