"""TLS between a transport's bytes and HTTP/2's, by the standard ssl module.

A step is four calls of the module's C functions, two each way, and none raises where nothing is
amiss: what has to wait is known from what is pending.
"""

import ssl

cimport cython


@cython.final
cdef class TlsSession:
    """One connection's TLS, as the server. What it cannot accept raises ssl.SSLError."""

    def __cinit__(self, context):
        self._incoming = ssl.MemoryBIO()
        outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, outgoing, server_side=True)
        # What SSLObject's methods only hand on to, where this Python has it under that name.
        direct = getattr(self.tls, "_sslobj", self.tls)
        self._feed = self._incoming.write
        self._read = direct.read
        self._write = direct.write
        self._take = outgoing.read

    cdef bint shake_hands(self) except -1:
        """Whether both sides are agreed."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.ready = True
        return True

    cdef void feed(self, object data) except *:
        self._feed(data)

    cdef bint has_more(self) except -1:
        """Whether reading is worth while behind a read, since there is more than it has taken.

        Each takes a whole record (RFC 8446, section 5.1), for which there is room, so that OpenSSL
        keeps nothing of it: what is left has not been looked at.
        """
        return self._incoming.pending != 0

    cdef Py_ssize_t read_into(self, tuple size_and_buffer) except -1:
        """Bytes of plain text; 0 where there are none for now, or where the client has ended."""
        try:
            return self._read(*size_and_buffer)
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLZeroReturnError:
            return 0

    cdef void write(self, bytes data) except *:
        self._write(data)

    cdef void say_end(self) except *:
        """Has what goes to the client end with close_notify (RFC 8446, section 6.1)."""
        if not self.ready:
            return
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # the client's own is yet to come, or something else is: nobody waits for it

    cdef bytes outgoing(self):
        """What goes to the client, empty where there is nothing."""
        return self._take()
