"""C faces of what an access table is made from."""

cdef bint is_group(str name) except -1
cdef bint is_permission(str name) except -1
cdef dict specs_by_name(str kind, object specs)
cdef tuple accepted(str owner, object names, object validate=*)
