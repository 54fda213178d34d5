"""A stream whose messages can be taken and put without a coroutine, where nothing has to wait."""

from blrcs_native.http2.eager_task cimport Runner


cdef class MessageStream(Runner):
    cdef object take_message(self):
        """The next message's bytes, the stream's `eof`, or None where `read` has to wait for it."""
        raise NotImplementedError

    cdef bint put_message(self, bytes body) except -1:
        """Sends a message; whether the writer may go on. If not, `drained` waits for room."""
        raise NotImplementedError

    cdef void answered(self, object answer) except *:
        """The call's `LateAnswer` is there: as DirectHandler.answer gives one."""
        raise NotImplementedError
