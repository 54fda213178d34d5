"""An observer's hook for the ends of calls that asks in C whether it wants to be told."""

cimport cython

from blrcs_native.calls.call cimport Call

from blrcs_native.calls.rejection import CODE_NAMES


@cython.final
cdef class EndHook:
    def __init__(self, hook not None, codes=(), *, bint rejections=False):
        self.hook = hook
        self.rejections = rejections
        self.codes = codes

    @property
    def codes(self):
        return frozenset([code for code in range(len(CODE_NAMES)) if self.wanted >> code & 1])

    @codes.setter
    def codes(self, codes):
        wanted = 0
        for code in codes:
            if not 0 <= code < len(CODE_NAMES):
                raise ValueError(f"{code!r} is not a status code")
            wanted |= 1 << code
        self.wanted = wanted

    cdef bint wants(self, Call call) except -1:
        """Whether the hook is to be told of this end."""
        cdef int code = call.ended_code
        if code < 0:  # it was not ended by a pipeline
            code = call.status_code
        return (
            self.wanted >> code & 1
            or self.rejections and (call.rejection is not None or call.shadowed is not None)
        )

    def __call__(self, Call call not None):
        if self.wants(call):
            self.hook(call)
