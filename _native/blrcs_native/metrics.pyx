"""Counters, gauges and histograms in one flat block of memory.

A metric family belongs to a :class:`MetricsBlock` and reserves all its cells when it is made, so
that a block too small shows at start-up and never on the road of a call. `labels()` finds a cell
once; the cell is then held and updated by plain arithmetic on its address.

No locks: a block has one writer, a thread that holds the GIL or, by the `_c` methods, the thread
of the event loop. Every cell is eight aligned bytes, so a reader in another process sees whole
values, though not all cells at one instant. Names and meanings follow the Prometheus exposition
formats and OpenMetrics 1.0; the families of CallMetrics follow go-grpc-middleware.
"""

import math
import re

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport isfinite
from libc.stdint cimport INT64_MAX, int64_t, uint64_t, uintptr_t

OTHER = "other"
UNKNOWN = "unknown"
CODE_NAMES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)
# Finer at the low end than Prometheus' own defaults: a guarded call ends within microseconds.
DURATION_BUCKETS_NS = (
    50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
    50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
    5_000_000_000, 10_000_000_000,
)

cdef enum:
    CELL_BYTES = 8
    CODE_UNKNOWN = 2
    MAX_BOUNDS = 128
    MAX_LABEL_SETS = 256

cdef frozenset CALL_TYPES = frozenset(
    ("unary", "client_stream", "server_stream", "bidi_stream")
)
cdef object METRIC_NAME = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")
cdef object LABEL_NAME = re.compile("(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
cdef object MADE_HERE = object()  # cells made by anyone else would point nowhere


class BlockFullError(Exception):
    """A block has fewer free cells than a family needs; nothing was reserved."""


cdef inline object _only_made_here(object token):
    if token is not MADE_HERE:
        raise TypeError("cells are made by labels(), call metrics by method()")


cdef inline void _add(int64_t* cell, int64_t n) noexcept nogil:
    # Both are at least 0, so an overflow shows as a negative sum; the counter then stays full.
    cdef int64_t total = <int64_t>(<uint64_t>cell[0] + <uint64_t>n)
    cell[0] = total if total >= 0 else INT64_MAX


@cython.final
cdef class MetricsBlock:
    """`capacity_cells` cells of eight bytes, handed out to families in the order they are made.

    `buffer` is writable, contiguous memory of at least that size, aligned to eight bytes; without
    it the block has memory of its own. Values found in it are kept, so a restarted worker counts
    on; fresh memory is all zero. The same families made in the same order lie in the same cells.
    Iterating yields the families in that order, those made later included.
    """

    def __cinit__(self, Py_ssize_t capacity_cells, buffer=None):
        if capacity_cells < 1:
            raise ValueError("a metrics block has at least one cell")
        if capacity_cells > (<Py_ssize_t>INT64_MAX) // CELL_BYTES:
            raise ValueError("a metrics block of that many cells cannot be addressed")
        if buffer is None:
            buffer = bytearray(capacity_cells * CELL_BYTES)
        PyObject_GetBuffer(buffer, &self._view, PyBUF_WRITABLE)
        self._acquired = True
        if self._view.len < capacity_cells * CELL_BYTES:
            raise ValueError(
                f"{capacity_cells} cells need {capacity_cells * CELL_BYTES} bytes, "
                f"the buffer has {self._view.len}"
            )
        if <uintptr_t>self._view.buf % CELL_BYTES:
            raise ValueError("the buffer of a metrics block is aligned to 8 bytes")
        self._cells = <int64_t*>self._view.buf
        self.capacity_cells = capacity_cells
        self._families = []
        self._names = set()

    def __dealloc__(self):
        if self._acquired:
            PyBuffer_Release(&self._view)

    def __iter__(self):
        return iter(tuple(self._families))

    cdef int64_t* _reserve(self, Family family, set sample_names, object count) except NULL:
        cdef Py_ssize_t free = self.capacity_cells - self.used_cells
        if not sample_names.isdisjoint(self._names):
            raise ValueError(f"{family.name}: the block has a family of that name")
        if count > free:
            raise BlockFullError(
                f"{family.name} needs {count} cells, the metrics block has {free} free "
                f"of {self.capacity_cells}"
            )
        cdef int64_t* first = self._cells + self.used_cells
        self.used_cells += count
        self._names |= sample_names
        self._families.append(family)
        return first


cdef class Family:
    """One metric name with a cell, or a row of cells, for each set of label values.

    Made only as one of its kinds, all of which take `max_label_sets`: once a labelled family has
    that many sets, every further one shares the cell labelled `other`, and `overflow_count` says
    how often `labels()` handed it out for that reason. Raises ValueError for names Prometheus
    would not accept and for a name the block already has, BlockFullError for a block too small.
    """

    def __cinit__(self, *args, **kwargs):
        if not isinstance(self, (Counter, Gauge, Histogram, DurationHistogram)):
            raise TypeError("a family is a Counter, Gauge, Histogram or DurationHistogram")
        self._by_labels = {}

    @property
    def overflow_count(self):
        return self._overflow[0] if self._overflow != NULL else 0

    def labels(self, *values):
        """The cell of these label values, always the same one.

        Not for the road of a call: it looks up and may create. Raises ValueError unless there is
        one value for each label, in their order and encodable as UTF-8; TypeError unless str.
        """
        return self._resolve(values)

    def rows(self):
        """What each cell holds now, in the order the cells were first asked for.

        Pairs of label values and value; for histograms label values, the count in each bucket by
        itself (the last one is above all bounds), and the sum, in the unit of `bounds`.
        """
        return [(values, *cell._read()) for values, cell in self._by_labels.items()]

    cdef object _define(
        self,
        MetricsBlock block,
        str name,
        str help_text,
        object label_names,
        object max_label_sets,
        Py_ssize_t width,
        set sample_names,
    ):
        if block is None or isinstance(label_names, str):
            raise TypeError("a family has a block, a name, a help text and several label names")
        self.name = name
        self.help_text = help_text
        self.label_names = tuple(label_names)
        self._check_names()
        if max_label_sets < 1:
            raise ValueError(f"{name}: max_label_sets is at least 1")
        cdef bint labelled = bool(self.label_names)
        # A labelled family has a cell for the overflow count, and slot 0 is for `other`.
        cdef int64_t* first = block._reserve(
            self, sample_names, 1 + (max_label_sets + 1) * width if labelled else width
        )
        self._block = block
        self._width = width
        self.max_label_sets = max_label_sets if labelled else 1
        if labelled:
            self._overflow = first
            self._cells = first + 1
        else:
            self._cells = first
            self._by_labels[()] = self._cell(first)

    cdef object _check_names(self):
        if METRIC_NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is no metric name")
        for label in self.label_names:
            if LABEL_NAME.fullmatch(label) is None or label == "le":
                raise ValueError(f"{self.name}: {label!r} is no label name")
        if len(set(self.label_names)) != len(self.label_names):
            raise ValueError(f"{self.name}: a label name stands twice")
        self.help_text.encode()

    cdef object _resolve(self, tuple values):
        cell = self._by_labels.get(values)
        if cell is not None:
            return cell
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has {len(self.label_names)} labels, not {len(values)}")
        for value in values:
            if not isinstance(value, str):
                raise TypeError(f"{self.name}: label values are str")
            value.encode()
        cdef tuple other = (OTHER,) * len(values)
        cdef Py_ssize_t slot = 0
        if values != other:
            if self._used_slots < self.max_label_sets:
                self._used_slots += 1
                slot = self._used_slots
            else:
                self._overflow[0] += 1
                values = other
                if other in self._by_labels:
                    return self._by_labels[other]
        cell = self._cell(self._cells + slot * self._width)
        self._by_labels[values] = cell
        return cell

    cdef object _cell(self, int64_t* cells):
        raise NotImplementedError


@cython.final
cdef class Counter(Family):
    """Counts events; a cell holds an int and only grows. Its name ends in `_total`."""

    def __cinit__(
        self,
        MetricsBlock block,
        str name not None,
        str help_text not None,
        label_names=(),
        max_label_sets=MAX_LABEL_SETS,
    ):
        stem = name.removesuffix("_total")
        if stem == name:
            raise ValueError(f"{name}: the name of a counter ends in _total")
        self._define(
            block, name, help_text, label_names, max_label_sets, 1,
            {stem, name, f"{stem}_created"},
        )

    cdef object _cell(self, int64_t* cells):
        cdef CounterCell cell = CounterCell.__new__(CounterCell, MADE_HERE)
        cell._block = self._block
        cell._value = cells
        return cell


@cython.final
cdef class Gauge(Family):
    """A value that goes up and down; a cell holds a float."""

    def __cinit__(
        self,
        MetricsBlock block,
        str name not None,
        str help_text not None,
        label_names=(),
        max_label_sets=MAX_LABEL_SETS,
    ):
        self._define(block, name, help_text, label_names, max_label_sets, 1, {name})

    cdef object _cell(self, int64_t* cells):
        cdef GaugeCell cell = GaugeCell.__new__(GaugeCell, MADE_HERE)
        cell._block = self._block
        cell._value = <double*>cells
        return cell


cdef tuple _bounds(str name, object values):
    """The bounds, checked: some, at most MAX_BOUNDS, finite and growing."""
    bounds = tuple(values)
    if not 1 <= len(bounds) <= MAX_BOUNDS:
        raise ValueError(f"{name} has {len(bounds)} bounds, not 1 to {MAX_BOUNDS}")
    if not all(math.isfinite(bound) for bound in bounds):
        raise ValueError(f"{name}: bounds are finite; the bucket above them all is implied")
    if any(low >= high for low, high in zip(bounds, bounds[1:])):
        raise ValueError(f"{name}: each bound is above the one before")
    return bounds


cdef set _histogram_names(str name):
    return {name} | {f"{name}_{suffix}" for suffix in ("bucket", "sum", "count", "created")}


@cython.final
cdef class Histogram(Family):
    """Counts observations by size; a bucket includes its bound (`le`)."""

    def __cinit__(
        self,
        MetricsBlock block,
        str name not None,
        str help_text not None,
        bounds,
        label_names=(),
        max_label_sets=MAX_LABEL_SETS,
    ):
        self.bounds = tuple(float(bound) for bound in _bounds(name, bounds))
        self._bound_count = len(self.bounds)
        self._limits = <double*>PyMem_Malloc(self._bound_count * sizeof(double))
        if self._limits == NULL:
            raise MemoryError
        for index, bound in enumerate(self.bounds):
            self._limits[index] = bound
        self._define(
            block, name, help_text, label_names, max_label_sets, self._bound_count + 2,
            _histogram_names(name),
        )

    def __dealloc__(self):
        PyMem_Free(self._limits)

    cdef object _cell(self, int64_t* cells):
        cdef HistogramCell cell = HistogramCell.__new__(HistogramCell, MADE_HERE)
        cell._family = self
        cell._limits = self._limits
        cell._bound_count = self._bound_count
        cell._counts = cells
        cell._sum = <double*>(cells + self._bound_count + 1)
        return cell


@cython.final
cdef class DurationHistogram(Family):
    """Counts durations in whole nanoseconds; it is read in seconds.

    A bucket includes its bound (`le`). `bounds_ns` are ints above 0.
    """

    def __cinit__(
        self,
        MetricsBlock block,
        str name not None,
        str help_text not None,
        bounds_ns=DURATION_BUCKETS_NS,
        label_names=(),
        max_label_sets=MAX_LABEL_SETS,
    ):
        self.bounds_ns = _bounds(name, bounds_ns)
        if not all(isinstance(bound, int) and bound > 0 for bound in self.bounds_ns):
            raise ValueError(f"{name}: bounds of durations are ints of nanoseconds, above 0")
        self.bounds = tuple(bound / 1e9 for bound in self.bounds_ns)
        self._bound_count = len(self.bounds)
        self._limits_ns = <int64_t*>PyMem_Malloc(self._bound_count * sizeof(int64_t))
        if self._limits_ns == NULL:
            raise MemoryError
        for index, bound in enumerate(self.bounds_ns):
            self._limits_ns[index] = bound
        self._define(
            block, name, help_text, label_names, max_label_sets, self._bound_count + 2,
            _histogram_names(name),
        )

    def __dealloc__(self):
        PyMem_Free(self._limits_ns)

    cdef object _cell(self, int64_t* cells):
        cdef DurationCell cell = DurationCell.__new__(DurationCell, MADE_HERE)
        cell._family = self
        cell._limits_ns = self._limits_ns
        cell._bound_count = self._bound_count
        cell._counts = cells
        cell._sum_ns = <double*>(cells + self._bound_count + 1)
        return cell


@cython.final
cdef class CounterCell:
    """One counter. At the greatest int64 it stays there."""

    def __cinit__(self, token=None):
        _only_made_here(token)

    @property
    def value(self):
        return self._value[0]

    def _read(self):
        return (self._value[0],)

    def inc(self, int64_t n=1):
        """Adds `n`; ValueError if it is negative, OverflowError beyond int64."""
        if n < 0:
            raise ValueError("a counter does not go down")
        _add(self._value, n)

    cdef void inc_c(self, int64_t n) noexcept nogil:
        """Adds `n`; a negative one is dropped."""
        if n > 0:
            _add(self._value, n)


@cython.final
cdef class GaugeCell:
    """One gauge."""

    def __cinit__(self, token=None):
        _only_made_here(token)

    @property
    def value(self):
        return self._value[0]

    def _read(self):
        return (self._value[0],)

    def set(self, double value):
        self._value[0] = value

    def inc(self, double n=1.0):
        self._value[0] += n

    def dec(self, double n=1.0):
        self._value[0] -= n

    cdef void set_c(self, double value) noexcept nogil:
        self._value[0] = value

    cdef void inc_c(self, double n) noexcept nogil:
        self._value[0] += n


cdef tuple _counts(int64_t* cells, Py_ssize_t bound_count):
    return tuple([cells[index] for index in range(bound_count + 1)])


@cython.final
cdef class HistogramCell:
    """One histogram of floats."""

    def __cinit__(self, token=None):
        _only_made_here(token)

    @property
    def counts(self):
        """Observations in each bucket by itself; the last is above all bounds."""
        return _counts(self._counts, self._bound_count)

    @property
    def sum(self):
        return self._sum[0]

    def _read(self):
        return _counts(self._counts, self._bound_count), self._sum[0]

    def observe(self, double value):
        """Counts `value`; ValueError unless it is finite, for it would spoil the sum for good."""
        if not isfinite(value):
            raise ValueError("a histogram observes finite numbers")
        self.observe_c(value)

    cdef void observe_c(self, double value) noexcept nogil:
        """Counts `value`; one that is not finite is dropped."""
        cdef Py_ssize_t bucket = 0
        if not isfinite(value):
            return
        while bucket < self._bound_count and value > self._limits[bucket]:
            bucket += 1
        self._counts[bucket] += 1
        self._sum[0] += value


@cython.final
cdef class DurationCell:
    """One histogram of durations.

    The sum is a float of nanoseconds: exact up to 104 days, and it cannot overflow, which an
    int64 would under ten thousand open streams within days.
    """

    def __cinit__(self, token=None):
        _only_made_here(token)

    @property
    def counts(self):
        """Observations in each bucket by itself; the last is above all bounds."""
        return _counts(self._counts, self._bound_count)

    @property
    def sum_ns(self):
        return self._sum_ns[0]

    def _read(self):
        return _counts(self._counts, self._bound_count), self._sum_ns[0] / 1e9

    def observe_ns(self, int64_t elapsed_ns):
        """Counts a duration; ValueError if it is negative, OverflowError beyond int64."""
        if elapsed_ns < 0:
            raise ValueError("a duration is not negative")
        self.observe_ns_c(elapsed_ns)

    cdef void observe_ns_c(self, int64_t elapsed_ns) noexcept nogil:
        """Counts a duration; a negative one counts as 0."""
        cdef Py_ssize_t bucket = 0
        if elapsed_ns < 0:
            elapsed_ns = 0
        while bucket < self._bound_count and elapsed_ns > self._limits_ns[bucket]:
            bucket += 1
        self._counts[bucket] += 1
        self._sum_ns[0] += <double>elapsed_ns


@cython.final
cdef class MethodMetrics:
    """The cells of one RPC method. Nothing here looks anything up or fails."""

    def __cinit__(self, token=None):
        _only_made_here(token)

    def started(self):
        """A call has begun."""
        self.started_c()

    def handled(self, int code, int64_t elapsed_ns):
        """A call has ended with gRPC status `code` after `elapsed_ns`.

        A code that gRPC does not define counts as Unknown, a negative duration as 0.
        """
        self.handled_c(code, elapsed_ns)

    def received(self):
        """A message of the client has arrived."""
        self.received_c()

    def sent(self):
        """A message has been sent to the client."""
        self.sent_c()

    cdef void started_c(self) noexcept nogil:
        self._started[0] += 1

    cdef void handled_c(self, int code, int64_t elapsed_ns) noexcept nogil:
        if not 0 <= code < CODE_COUNT:
            code = CODE_UNKNOWN
        self._handled[code][0] += 1
        self._handling.observe_ns_c(elapsed_ns)

    cdef void received_c(self) noexcept nogil:
        self._received[0] += 1

    cdef void sent_c(self) noexcept nogil:
        self._sent[0] += 1


@cython.final
cdef class CallMetrics:
    """The metrics of a gRPC server, named and labelled as in go-grpc-middleware.

    All codes of a method exist from its first day, at 0, so that rates see the first error. One
    block takes one CallMetrics; BlockFullError if fewer than `cells_needed` are free.
    """

    def __cinit__(
        self, MetricsBlock block not None, buckets_ns=DURATION_BUCKETS_NS, max_methods=256
    ):
        buckets_ns = tuple(buckets_ns)
        needed = CallMetrics.cells_needed(len(buckets_ns), max_methods)
        if needed > block.capacity_cells - block.used_cells:
            raise BlockFullError(
                f"metrics of {max_methods} methods need {needed} cells, the metrics block has "
                f"{block.capacity_cells - block.used_cells} free of {block.capacity_cells}"
            )
        labels = ("grpc_type", "grpc_service", "grpc_method")
        sets = max_methods + 1  # one more for the unknown methods
        self.handling = DurationHistogram(
            block,
            "grpc_server_handling_seconds",
            "Time from the start of a call to its end on the server, in seconds.",
            buckets_ns, labels, sets,
        )
        self.started = Counter(
            block, "grpc_server_started_total", "Calls started on the server.", labels, sets
        )
        self.handled = Counter(
            block,
            "grpc_server_handled_total",
            "Calls ended on the server, whether with success or failure.",
            (*labels, "grpc_code"), sets * CODE_COUNT,
        )
        self.received = Counter(
            block, "grpc_server_msg_received_total", "Messages received by the server.",
            labels, sets,
        )
        self.sent = Counter(
            block, "grpc_server_msg_sent_total", "Messages sent by the server.", labels, sets
        )
        self.max_methods = max_methods
        self._methods = {}
        # Not unary, so that figures of real unary methods stay clean.
        self.unknown = self._create(("bidi_stream", UNKNOWN, UNKNOWN))

    @staticmethod
    def cells_needed(bucket_count, max_methods):
        """The cells that a CallMetrics of this size reserves."""
        sets = max_methods + 2  # with the unknown methods and `other`
        return 3 * (1 + sets) + 1 + (max_methods + 1) * CODE_COUNT + 1 + 1 + sets * (
            bucket_count + 2
        )

    def method(self, str service not None, str method not None, str type not None):
        """The metrics of a method, always the same object; to be resolved once and held.

        `type` is unary, client_stream, server_stream or bidi_stream, else ValueError. Once there
        are `max_methods`, a further one gets `unknown`, counted as overflow of `started`.
        """
        cdef tuple key = (type, service, method)
        found = self._methods.get(key)
        if found is not None:
            return found
        if type not in CALL_TYPES:
            raise ValueError(f"{type!r} is no type of call")
        if len(self._methods) > self.max_methods:
            self.started._overflow[0] += 1
            return self.unknown
        return self._create(key)

    cdef MethodMetrics _create(self, tuple key):
        cdef MethodMetrics made = MethodMetrics.__new__(MethodMetrics, MADE_HERE)
        made.type, made.service, made.method = key
        made._handling = self.handling._resolve(key)
        made._started = (<CounterCell>self.started._resolve(key))._value
        made._received = (<CounterCell>self.received._resolve(key))._value
        made._sent = (<CounterCell>self.sent._resolve(key))._value
        for code, name in enumerate(CODE_NAMES):
            made._handled[code] = (<CounterCell>self.handled._resolve((*key, name)))._value
        self._methods[key] = made
        return made
