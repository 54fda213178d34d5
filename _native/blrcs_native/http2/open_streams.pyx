"""The open streams of a connection, in no order.

Each knows its place, so that it is added and removed without a look-up, and the places of those that
are gone are used again. A dict, or a list that shrinks, costs each call several times as much.
"""

cimport cython

from blrcs_native.http2.stream cimport Stream

cdef enum:
    # An idle connection holds no more.
    MOST_KEPT_PLACES = 16


@cython.final
cdef class OpenStreams:
    def __cinit__(self):
        self._places = []

    cdef void add(self, Stream stream) except *:
        stream.place = self.count
        if self.count == len(self._places):
            self._places.append(stream)
        else:
            self._places[self.count] = stream
        self.count += 1

    cdef void remove(self, Stream stream) except *:
        """One that was added, and not removed since."""
        cdef Stream last
        self.count -= 1
        last = <Stream>self._places[self.count]
        last.place = stream.place
        self._places[stream.place] = last
        self._places[self.count] = None
        if self.count == 0 and len(self._places) > MOST_KEPT_PLACES:
            self._places = []

    cdef list all(self):
        """As they are now, in a list of its own."""
        return self._places[: self.count]

    cdef void clear(self) except *:
        self._places = []
        self.count = 0
