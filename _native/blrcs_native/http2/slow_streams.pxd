"""The C face of the search for slow streams."""

from libc.stdint cimport int64_t

from blrcs_native.http2.connection cimport Connection
from blrcs_native.http2.connection_rules cimport ConnectionRules

cdef void end_slow_streams(Connection connection, ConnectionRules rules, int64_t now_ns) except *
