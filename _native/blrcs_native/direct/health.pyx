"""grpc.health.v1.Health/Check, answered in one step."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.direct.handler cimport DirectHandler
from blrcs_native.encoding.protobuf_wire cimport (
    Span,
    number_size,
    put_number,
    read_sole_text,
    text_of,
)


@cython.final
cdef class DirectHealthCheck(DirectHandler):
    cdef dict statuses
    cdef Rejection unknown

    def __init__(self, dict statuses not None, Rejection unknown not None, guards=()):
        DirectHandler.__init__(self, guards, ("service",))
        self.statuses = statuses
        self.unknown = unknown

    cdef object answer(self, Call call, const unsigned char* body, Py_ssize_t size):
        cdef Span span
        cdef Py_ssize_t length = 0
        cdef Rejection rejection
        cdef PyObject* found
        cdef uint64_t status
        if not read_sole_text(body, size, &span, &length):
            return None
        cdef str service = text_of(span)
        if self.guards:
            rejection = self.admit_texts(call, (service,))
            if rejection is not None:
                return rejection
        found = PyDict_GetItemWithError(self.statuses, service)
        if found == NULL:
            return self.unknown
        status = <object>found
        cdef bytes reply = PyBytes_FromStringAndSize(NULL, number_size(status))
        put_number(<unsigned char*>PyBytes_AS_STRING(reply), 1, status)
        return reply
