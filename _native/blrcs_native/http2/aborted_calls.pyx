"""Calls of a connection that ends before they do."""

from blrcs_native.calls.rejection cimport Rejection
from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.dispatcher cimport Dispatcher
from blrcs_native.http2.nghttp2 cimport NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM
from blrcs_native.http2.stream cimport Stream

from blrcs_native.calls.rejection import explained

cdef enum:
    UNAVAILABLE = 14

cdef Rejection CLOSING = explained(
    UNAVAILABLE, "transport", "CONNECTION_CLOSING", "the server closes the connection"
)


cdef void abort_calls(Connection connection, Dispatcher dispatcher) except *:
    cdef Stream stream
    for stream in connection.streams.all():
        if stream.active:
            dispatcher.broken(stream, CLOSING)
        elif not stream.alive:
            continue
        elif stream.announced:
            connection.reset(stream, NGHTTP2_CANCEL)
        else:  # its turn has not come: nothing of it has run
            connection.reset(stream, NGHTTP2_REFUSED_STREAM)
    connection.drain()
    connection.finish_drain()
