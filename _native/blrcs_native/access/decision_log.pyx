"""What guards decided, counted by who asked for what where, until somebody takes it."""

cimport cython


@cython.final
cdef class DecisionLog:
    def __init__(self, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError("capacity is at least 1")
        self.capacity = capacity
        self._counts = {}

    cdef void note(self, str principal, str permission, str resource, bint allowed) except *:
        key = (principal, permission, resource, allowed)
        count = self._counts.get(key)
        if count is None and len(self._counts) >= self.capacity:
            self.dropped += 1
            return
        self._counts[key] = 1 if count is None else count + 1

    def take(self):
        counts = self._counts
        self._counts = {}
        return counts
