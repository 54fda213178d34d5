"""A request whose rules its reader has seen to, and of which no message has been made."""

cimport cython


@cython.final
cdef class CheckedRequest:
    def __init__(self, bytes octets not None, str parent not None, parse not None):
        self.octets = octets
        self.parent = parent
        self.parse = parse
        self.parsed = None

    @property
    def message(self):
        if self.parsed is None:
            self.parsed = self.parse(self.octets)
        return self.parsed

    def __getattr__(self, name):
        return getattr(self.message, name)
