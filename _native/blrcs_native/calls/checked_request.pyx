"""A request whose rules its reader has seen to, and of which no message has been made."""

cimport cython

from blrcs_native.calls.call cimport MALFORMED

from blrcs_native.calls.rejection import AbortError


@cython.final
cdef class CheckedRequest:
    def __init__(self, bytes octets not None, str parent not None, parse not None):
        self.octets = octets
        self.parent = parent
        self.parse = parse
        self.parsed = None

    @property
    def message(self):
        return self.made()

    cdef object made(self):
        if self.parsed is None:
            # It is parsed once, whatever comes of it.
            if self.is_malformed:
                raise AbortError(MALFORMED)
            try:
                self.parsed = self.parse(self.octets)
            except Exception:
                self.is_malformed = True
                raise AbortError(MALFORMED) from None
        return self.parsed

    def __getattr__(self, name):
        return getattr(self.made(), name)
