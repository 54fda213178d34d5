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


cdef class GatheredReads:
    cdef object read
    cdef object missing
    cdef object monotonic
    # Of batches that wait for their turn. The last one takes more.
    cdef object batches
    cdef Py_ssize_t running
    # When those collections may be read here again that have sealed records.
    cdef dict passed_until_ns

    cdef LateAnswer join(self, Call call, str tenant, str collection, str record_id)
    cdef bint _is_passed(self, tuple collection) except -1
    cdef void _begin(self) except *
    cdef void _settle(self, ReadBatch batch, object found) except *
    cdef void _pass(self, tuple collection) except *
    cdef void _give_up(self, ReadBatch batch) except *
