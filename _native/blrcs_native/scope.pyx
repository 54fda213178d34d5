"""What a token may be used for: some of the permissions that its principal holds."""

cimport cython


@cython.final
@cython.auto_pickle(False)
cdef class PermissionScope:
    """See scope.pyi."""

    def __cinit__(self, patterns):
        if isinstance(patterns, str):
            raise TypeError("a scope is a collection of patterns, not one string")
        names = frozenset(patterns)
        if not all(type(name) is str for name in names):
            raise TypeError("a pattern is a string")
        self._everything = "*" in names
        self._prefixes = tuple(sorted([name[:-1] for name in names if name.endswith(".*")]))
        self._names = frozenset([name for name in names if not name.endswith("*")])

    def allows(self, str permission not None):
        return self.allows_c(permission)

    cdef bint allows_c(self, str permission) except -1:
        if self._everything or permission in self._names:
            return True
        for prefix in self._prefixes:
            if permission.startswith(<str>prefix):
                return True
        return False


cdef PermissionScope read_scope(tuple patterns):
    return PermissionScope(patterns)
