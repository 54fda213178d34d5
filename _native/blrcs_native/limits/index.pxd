"""The C face of the limit rules in effect."""

from cpython.object cimport PyObject

from blrcs_native.encoding.protobuf_wire cimport Span
from blrcs_native.limits.limiter cimport Limiter, Rule
from blrcs_native.shared.generation cimport Generation

cdef struct SpanPair:
    Span key
    Span value


cdef class LimitRule:
    cdef readonly Rule rule
    cdef readonly str name
    cdef bytes name_utf8
    cdef readonly bint shadow
    # Shares by cell where the rule is counted elsewhere; None where the limiter counts.
    cdef readonly dict shares


cdef class LimitIndex:
    cdef dict _domains

    # The rule, borrowed from the index, or NULL.
    cdef PyObject* find(
        self, Span domain, const SpanPair* entries, Py_ssize_t count
    ) except? NULL


cdef class CurrentLimits:
    cdef readonly Limiter limiter
    cdef LimitIndex _index
    cdef Generation _generation
    cdef object _load_anew

    # The rules, after what other processes have changed until now.
    cdef LimitIndex now(self)
