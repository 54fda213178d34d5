"""The answer of a direct handler that has to wait for it: what a future is to a coroutine."""

cimport cython

from blrcs_native.calls.call cimport Call
from blrcs_native.calls.message_stream cimport MessageStream
from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.calls.rejection import explained

cdef Rejection CANCELLED = explained(1, "handler", "CALL_CANCELLED", "the call was cancelled")


cdef class Waiting:
    cdef void left(self) noexcept:
        """One of them does not wait any more, to whom no answer was given."""


@cython.final
@cython.freelist(64)
cdef class LateAnswer:
    """Belongs to the event loop of its call, which takes a place among those that run."""

    def __init__(self):
        raise TypeError("direct handlers make them")

    cdef void drop(self) noexcept:
        cdef Waiting waiting = self.waiting
        if self.stream is not None:
            self.stream = None
            self.waiting = None
            if waiting is not None:
                waiting.left()

    cdef void settle(self, object answer) except *:
        """Ends the call with what `DirectHandler.answer` could have given at once.

        With None, for which nothing may have been done, the method's own handler is run. Does
        nothing where nobody waits any more.
        """
        cdef MessageStream stream = self.stream
        if stream is not None:
            self.stream = None
            self.waiting = None
            stream.answered(answer)

    cdef void give_up(self) except *:
        """Ends the call as cancelled: whether anything was done is not known."""
        self.settle(CANCELLED)


cdef LateAnswer late_answer(Call call):
    cdef LateAnswer late = LateAnswer.__new__(LateAnswer)
    late.stream = call.messages
    return late
