"""What admits or rejects a call before its handler."""

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.rejection cimport Rejection


cdef class Guard:
    def __init__(self, str stage not None, *, bint shadow=False):
        self.stage = stage
        self.shadow = shadow

    cpdef object check(self, Call call):
        raise TypeError(f"{type(self).__name__} does not say how it checks a call")


cdef object ask(tuple guards, Call call, Py_ssize_t first):
    """None, the first rejection, or a coroutine for the rest where a guard has to wait."""
    cdef Py_ssize_t index
    cdef Guard guard
    for index in range(first, len(guards)):
        guard = <Guard>guards[index]
        verdict = guard.check(call)
        if verdict is None:
            continue
        if type(verdict) is not Rejection:
            return _ask_rest(guards, call, index, verdict)
        if not guard.shadow:
            return verdict
        call.note_shadow(<Rejection>verdict)
    return None


async def _ask_rest(tuple guards, Call call, Py_ssize_t index, pending):
    cdef Guard guard = <Guard>guards[index]
    verdict = await pending
    if verdict is not None:
        if not guard.shadow:
            return verdict
        call.note_shadow(verdict)
    verdict = ask(guards, call, index + 1)
    if verdict is None or type(verdict) is Rejection:
        return verdict
    return await verdict
