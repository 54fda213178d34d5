"""The C face of answers that come later."""

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.message_stream cimport MessageStream


cdef class Waiting:
    """What several callers wait for together."""

    cdef void left(self) noexcept


cdef class LateAnswer:
    # None once the answer is there, or nobody waits for it any more.
    cdef MessageStream stream
    # Told when its caller leaves before the answer is there; or None.
    cdef Waiting waiting

    cdef void drop(self) noexcept
    cdef void settle(self, object answer) except *
    cdef void give_up(self) except *


cdef LateAnswer late_answer(Call call)
