"""The connection below a stream, as the stream knows it."""

from libc.stdint cimport uint32_t

from blrcs_native.http2.inflation_turns cimport InflationTurns
from blrcs_native.http2.stream cimport Stream


cdef class Link:
    def __cinit__(self):
        self.inflation_turns = InflationTurns()

    cdef void begin_reply(self, Stream stream) except *:
        """Sends the head of the reply; its messages and its status follow as they come."""
        raise NotImplementedError

    cdef void send_on(self, Stream stream) except *:
        """There is more to send, or the status; the head goes first where it has not been sent."""
        raise NotImplementedError

    cdef void refuse_http(self, Stream stream, bytes http_status) except *:
        """Answers as HTTP does, since the request is none of gRPC's."""
        raise NotImplementedError

    cdef void reset(self, Stream stream, uint32_t error_code) except *:
        raise NotImplementedError

    cdef void call_ended(self, bint well) except *:
        """A call no longer runs; `well` says that it came to its own end."""
        raise NotImplementedError

    cdef void taken(self, Stream stream) except *:
        """A message has been taken off the input: the client may send as much more."""
        raise NotImplementedError

    cdef void gather(self, Stream stream) except *:
        """The first message of the input may be larger than what the client may send: it needs
        room to be gathered in."""
        raise NotImplementedError

    cdef void too_large(self, bint inflated) noexcept:
        """A message is larger than any may be, as sent or as inflated."""

    cdef void come_back(self, Stream stream) except *:
        """Tells the listener again that more of the request is there, once others had their turn."""
        raise NotImplementedError
