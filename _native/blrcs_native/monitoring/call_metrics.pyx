"""What a gRPC server counts of its calls, named and labelled as in go-grpc-middleware.

All labels are resolved when a method is registered; a call then costs plain arithmetic on held
addresses. As in any block of metrics there is one writer, the thread of the event loop.
"""

from typing import Literal, get_args

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.monitoring.metrics cimport Counter, DurationHistogram, MetricsBlock, add_saturating

from blrcs_native.monitoring.metrics import DURATION_BUCKETS_NS

UNKNOWN = "unknown"
CallType = Literal["unary", "client_stream", "server_stream", "bidi_stream"]
HANDLED_CODE_NAMES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)

cdef enum:
    CODE_UNKNOWN = 2

cdef object MADE_HERE = object()


@cython.final
cdef class MethodMetrics:
    """The cells of one RPC method, made by CallMetrics alone. Nothing here looks anything up."""

    def __cinit__(self, token=None):
        if token is not MADE_HERE:
            raise TypeError("the metrics of a method are made by CallMetrics.method()")

    cpdef void started(self) noexcept nogil:
        """A call has begun."""
        self._started[0] += 1

    cpdef void handled(self, int code, int64_t elapsed_ns) noexcept nogil:
        """A call has ended with gRPC status `code` after `elapsed_ns`.

        A code that gRPC does not define counts as Unknown, a negative duration as 0.
        """
        if not 0 <= code < CODE_COUNT:
            code = CODE_UNKNOWN
        self._handled[code][0] += 1
        self._handling.observe_ns_c(elapsed_ns)

    cpdef void received(self) noexcept nogil:
        """A message of the client has arrived."""
        self._received[0] += 1

    cpdef void sent(self) noexcept nogil:
        """A message has been sent to the client."""
        self._sent[0] += 1


@cython.final
cdef class CallMetrics:
    """The metrics of a gRPC server, named and labelled as in go-grpc-middleware.

    All codes of a method exist from its first day, at 0, so that rates see the first error. One
    block takes one CallMetrics; BlockFullError if it has fewer than `cells_needed` free.
    """

    def __cinit__(
        self, MetricsBlock block not None, buckets_ns=DURATION_BUCKETS_NS, max_methods=256
    ):
        buckets_ns = tuple(buckets_ns)
        needed = CallMetrics.cells_needed(len(buckets_ns), max_methods)
        if needed > block.capacity_cells - block.used_cells:
            block._reserve(f"CallMetrics of {max_methods} methods", needed)
        labels = ("grpc_type", "grpc_service", "grpc_method")
        sets = max_methods + 1  # one more for the unknown methods
        self.handling = DurationHistogram(
            block, "grpc_server_handling_seconds", "Duration of calls.", buckets_ns, labels, sets
        )
        self.started = Counter(block, "grpc_server_started_total", "Calls begun.", labels, sets)
        self.handled = Counter(
            block, "grpc_server_handled_total", "Calls ended, with success or failure.",
            (*labels, "grpc_code"), sets * CODE_COUNT,
        )
        self.received = Counter(
            block, "grpc_server_msg_received_total", "Messages received.", labels, sets
        )
        self.sent = Counter(block, "grpc_server_msg_sent_total", "Messages sent.", labels, sets)
        self.max_methods = max_methods
        self._methods = {}
        # Not unary, so that the figures of real unary methods stay clean.
        self.unknown = self._create(("bidi_stream", UNKNOWN, UNKNOWN))

    @staticmethod
    def cells_needed(bucket_count, max_methods):
        """The cells that a CallMetrics of this size reserves."""
        sets = max_methods + 2  # with the unknown methods and `other`
        return 5 + sets * (3 + bucket_count + 2) + (max_methods + 1) * CODE_COUNT + 1

    def method(self, str service not None, str method not None, str call_type not None):
        """The metrics of a method, always the same object; to be resolved once and held.

        `call_type` is unary, client_stream, server_stream or bidi_stream, else ValueError. Once
        there are `max_methods`, a further one gets `unknown`, counted as overflow of `started`.
        """
        cdef tuple key = (call_type, service, method)
        if key in self._methods:
            return self._methods[key]
        if call_type not in get_args(CallType):
            raise ValueError(f"{call_type!r} is no type of call")
        if len(self._methods) > self.max_methods:
            add_saturating(self.started._overflow, 1)
            return self.unknown
        return self._create(key)

    cdef MethodMetrics _create(self, tuple key):
        cdef MethodMetrics made = MethodMetrics.__new__(MethodMetrics, MADE_HERE)
        made.call_type, made.service, made.method = key
        made._handling = self.handling._resolve(key)
        made._started = self.started._resolve(key)._cells
        made._received = self.received._resolve(key)._cells
        made._sent = self.sent._resolve(key)._cells
        for code, name in enumerate(HANDLED_CODE_NAMES):
            made._handled[code] = self.handled._resolve((*key, name))._cells
        self._methods[key] = made
        return made
