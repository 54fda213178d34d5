"""C faces of the values that conditions work with."""

from libc.stdint cimport int64_t


cdef class Instant:
    cdef int64_t ns  # since the Unix epoch


cdef class Span:
    cdef int64_t ns


cdef object instant(object ns)
cdef object span(object ns)
cdef object whole(object number)
cdef bint is_number(object value) noexcept
cdef bint is_map(object value)
cdef object adapted(object value)
cdef object field_of(object value, str name)
cdef object has_field(object value, str name)
cdef object item_of(object value, object key)
cdef object contains(object values, object value)
cdef object size_of(object value)
cdef object equal(object left, object right)
cdef object listed(object value)
