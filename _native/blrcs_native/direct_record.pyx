"""RecordService.Get, answered in one step from copies."""

cimport cython

from blrcs_native.call cimport Call
from blrcs_native.direct cimport DirectHandler
from blrcs_native.protobuf_wire cimport Span, read_sole_text, text_of
from blrcs_native.record_copies cimport RecordCopies, RecordCopy
from blrcs_native.rejection cimport Rejection

cdef enum:
    MAX_NAME_BYTES = 512  # longer than any that is valid


@cython.final
cdef class DirectGetRecord(DirectHandler):
    cdef RecordCopies copies

    def __init__(self, RecordCopies copies not None, guards=()):
        DirectHandler.__init__(self, guards, ("name",))
        self.copies = copies

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Span span
        cdef Py_ssize_t length = 0
        cdef Rejection rejection
        cdef RecordCopy copy
        if size > MAX_NAME_BYTES or not read_sole_text(body, size, &span, &length):
            return None
        cdef str name = text_of(span)
        # There are copies of valid names alone.
        copy = self.copies.find_c(name)
        if copy is None or copy.sealed is not None:
            return None
        if self.guards:
            rejection = self.admit_texts(call, (name,))
            if rejection is not None:
                return rejection
        return copy.encoded
