"""TLS between a transport's bytes and HTTP/2's, by the standard ssl module."""

import ssl

cimport cython


@cython.final
cdef class TlsSession:
    """One connection's TLS, as the server. What it cannot accept raises ssl.SSLError."""

    def __cinit__(self, context):
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    cdef bint shake_hands(self) except -1:
        """Whether both sides are agreed."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.ready = True
        return True

    cdef void feed(self, object data) except *:
        self._incoming.write(data)

    cdef Py_ssize_t read_into(self, object buffer) except -1:
        """Bytes of plain text; 0 where there are none for now, or where the client has ended."""
        if self._incoming.pending == 0 and self.tls.pending() == 0:
            return 0
        try:
            return self.tls.read(len(buffer), buffer)
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLZeroReturnError:
            return 0

    cdef void write(self, bytes data) except *:
        self.tls.write(data)

    cdef bytes outgoing(self):
        """What goes to the client, empty where there is nothing."""
        return self._outgoing.read() if self._outgoing.pending else b""
