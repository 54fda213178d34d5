"""Whose message of a connection is inflated: one at a time.

What is inflated is many times what its client has sent. So a connection holds one message that is on
its way out of its encoding, however many streams have one ready; these wait as they were sent.
"""

cimport cython


@cython.final
cdef class InflationTurns:
    cdef bint take(self, object stream) except -1:
        """Whether the stream may inflate; else it waits, and `give_back` names it."""
        if self._holder is None:
            self._holder = stream
        if self._holder is stream:
            return True
        if self._waiting is None:
            self._waiting = []
        if stream not in self._waiting:
            self._waiting.append(stream)
        return False

    cdef list give_back(self, object stream):
        """Those that have waited and may try again, in their order; None where the turn is another's.

        One that does not, since its handler reads no more, keeps none of the others waiting.
        """
        if self._holder is not stream:
            if self._waiting is not None and stream in self._waiting:
                self._waiting.remove(stream)
            return None
        waiting, self._waiting = self._waiting, None
        self._holder = None
        return waiting

    cdef void close(self) noexcept:
        self._holder = self._waiting = None
