"""The C face of the fields of replies."""

cdef list checked_fields(object metadata)
