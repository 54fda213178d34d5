"""The C face of reads of records that go together."""

from blrcs_native.calls.call cimport Call
from blrcs_native.direct.late_answer cimport LateAnswer, Waiting


cdef class ReadBatch(Waiting):
    # Lists of LateAnswers by keys.
    cdef dict asked
    cdef Py_ssize_t callers
    cdef bint has_lost
    cdef object task

    cdef LateAnswer add(self, Call call, tuple key)
    cdef list keys(self)
    cdef void settle(self, tuple key, object answer) except *
    cdef void settle_all(self, object answer) except *
    cdef void give_up(self) except *


cdef class Turn:
    cdef object task
    # At the last look it was at the same batch.
    cdef bint is_seen
    # It takes too long: others run in its place.
    cdef bint is_held


cdef class GatheredReads:
    cdef object read
    cdef object missing
    cdef object monotonic
    cdef double look_after_s
    # Of batches that wait for their turn. The last one takes more.
    cdef object batches
    # Of turns, by whether they take too long.
    cdef set running
    cdef set held
    # While somebody waits, of the next look at how long those that run take.
    cdef object timer
    # Whether something was raised, and has been logged.
    cdef bint has_told
    # When those may be read here again: collections with sealed records, and large records.
    cdef dict passed_until_ns

    cdef LateAnswer join(self, Call call, str tenant, str collection, str record_id)
    cdef bint _is_passed(self, tuple ids) except -1
    cdef bint _is_full(self) except -1
    cdef bint _leave(self, Turn turn) except -1
    cdef void _begin(self) except *
    cdef void _look_later(self) except *
    cdef void _settle(self, ReadBatch batch, object found) except *
    cdef void _pass(self, tuple ids) except *
    cdef void _give_up_waiting(self) except *
    cdef void _decline_waiting(self) except *
