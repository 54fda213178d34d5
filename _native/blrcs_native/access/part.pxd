"""C faces of one part of the access table: what none owns, or what concerns one tenant."""

from blrcs_native.access.index cimport BindingIndex

cdef str place_of(str name)
cdef dict by_place(object roles, object groups, object bindings)
cdef dict reached_groups(dict containing, str principal)


cdef class AccessPart:
    cdef readonly bint reads_message
    # What it was made from.
    cdef readonly tuple specs
    # The patterns of each role, over what it includes, and how deep that goes.
    cdef readonly dict closed
    # Likewise, of each role of the root that it asks for; None for one that there was not.
    cdef readonly dict borrowed
    cdef readonly dict role_ids
    cdef readonly dict bindings_of
    # The groups that hold each member directly; and the names of all that each principal is in.
    cdef readonly dict containing
    cdef readonly dict reached
    cdef BindingIndex grants
    cdef BindingIndex denials  # None where nothing denies
    cdef dict _principals
    cdef dict _groups
    cdef bytes _authenticated
    cdef bytes _anonymous
    cdef dict _rows
    cdef dict _memo
    cdef dict _wildcards
    cdef Py_ssize_t _row_size_bytes

    # The roles that grant a permission; None where none does.
    cdef bytes row(self, str permission)
    # The numbers of the subjects that a caller is; None for what no caller can be.
    cdef bytes subjects_of(self, str principal, tuple groups)
    cdef bytes subjects_of_one(self, str principal)
    # Every member that it knows by name.
    cdef set names(self)
