"""The C face of calls whose connection ends before they do."""

from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.dispatcher cimport Dispatcher


# Ends all of a connection, which serves no further ones; clients are told which may be tried elsewhere.
cdef void abort_calls(Connection connection, Dispatcher dispatcher) except *
