"""Whose message of a connection is inflated: one at a time.

What is inflated is many times what its client has sent. So a connection holds one message that is on
its way out of its encoding, however many streams have one ready; these wait as they were sent.
"""

cimport cython


@cython.final
cdef class InflationTurns:
    cdef bint take(self, object stream) except -1:
        """Whether the stream may inflate; else it waits, and `leave` names it."""
        if self._holder is None:
            self._holder = stream
        if self._holder is stream:
            return True
        if self._waiting is None:
            self._waiting = []
        if stream not in self._waiting:
            self._waiting.append(stream)
        return False

    cdef object leave(self, object stream):
        """Who has waited longest, else None: the turn is its own now, to be used or given back.

        None too where the turn is another's; then the stream waits no longer.
        """
        if self._holder is not stream:
            if self._waiting is not None and stream in self._waiting:
                self._waiting.remove(stream)
            return None
        self._holder = self._waiting.pop(0) if self._waiting else None
        return self._holder

    cdef void close(self) noexcept:
        self._holder = self._waiting = None
