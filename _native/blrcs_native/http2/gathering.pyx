"""Room for large messages on their way in, of all streams of a connection, and who waits for it.

A message that is larger than what its client may send unasked needs a larger window. It is given when
there is room for the whole message, so that a connection holds no more than the room has bytes.
"""

cimport cython

from blrcs_native.http2.limits cimport Limits
from blrcs_native.http2.octets cimport octets_size
from blrcs_native.http2.outbox cimport PREFIX_BYTES
from blrcs_native.http2.stream cimport Stream


@cython.final
cdef class Gathering:
    def __cinit__(self, Limits limits not None):
        self._room = limits.gathered_bytes
        # The client is told of what was used once it is half of the window.
        self.unasked_bytes = limits.window_bytes >> 1

    cdef bint concerns(self, Stream stream) noexcept:
        """Whether the next message of the stream cannot come as a whole by itself."""
        cdef Py_ssize_t whole = PREFIX_BYTES + stream.message_bytes
        return (
            stream.message_bytes >= 0
            and stream.alive
            and stream.granted_bytes == 0
            and not stream.waits_for_grant
            and not stream.request_ended
            and octets_size(&stream.input) < whole
            and whole > self.unasked_bytes
        )

    cdef bint admit(self, Stream stream) except -1:
        """Whether the message may be gathered now."""
        # The largest message is as large as all the room, less its prefix.
        if stream.message_bytes > self._room:
            return False
        stream.granted_bytes = PREFIX_BYTES + stream.message_bytes
        self._room -= stream.granted_bytes
        stream.fill_large()
        return True

    cdef void wait(self, Stream stream) except *:
        stream.waits_for_grant = True
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(stream)

    cdef Stream next_waiting(self):
        """Who has waited longest and still needs room, or None."""
        cdef Stream stream
        while self._waiting:
            stream = self._waiting[0]
            if stream.alive and not stream.finished_reply and stream.message_bytes >= 0:
                return stream
            self.leave(stream)
        return None

    cdef void leave(self, Stream stream) except *:
        if stream.waits_for_grant:
            stream.waits_for_grant = False
            self._waiting.remove(stream)

    cdef bint release(self, Stream stream) except -1:
        """Gives the room of a message back; whether anybody waits for it."""
        self._room += stream.granted_bytes
        stream.granted_bytes = 0
        return self.is_waited_for()

    cdef bint is_waited_for(self) noexcept:
        return self._waiting is not None and len(self._waiting) > 0

    cdef void close(self) except *:
        self._waiting = None
