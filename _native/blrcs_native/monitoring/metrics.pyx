"""Counters, gauges and histograms in one flat block of memory.

A metric family belongs to a :class:`MetricsBlock` and reserves all its cells when it is made, so
that a block too small shows at start-up and never on the road of a call. `labels()` finds a cell
once; the cell is then held and updated by plain arithmetic on its address.

No locks: a block has one writer, a thread that holds the GIL or, by the `_c` methods, the thread
of the event loop. Every cell is eight aligned bytes, so a reader in another process sees whole
values, though not all cells at one instant. Names and meanings follow the Prometheus exposition
formats and OpenMetrics 1.0.
"""

import math
import re

cimport cython
from cpython.array cimport array
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.math cimport isfinite
from libc.stdint cimport INT64_MAX, int64_t, uintptr_t
from libc.string cimport memset

OTHER = "other"
# Finer at the low end than Prometheus' own defaults: a guarded call ends within microseconds.
DURATION_BUCKETS_NS = (
    50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
    50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000,
    5_000_000_000, 10_000_000_000,
)

cdef enum:
    CELL_BYTES = 8
    MAX_BOUNDS = 128
    MAX_LABEL_SETS = 256

cdef tuple BUCKET_SUFFIXES = ("", "_bucket", "_sum", "_count", "_created")
cdef object METRIC_NAME = re.compile("[a-zA-Z_:][a-zA-Z0-9_:]*")
cdef object LABEL_NAME = re.compile("(?!__|le$)[a-zA-Z_][a-zA-Z0-9_]*")
cdef object MADE_HERE = object()


class BlockFullError(Exception):
    """A block has fewer free cells than were to be reserved; it is left as it was."""


# Cleared as part of a cycle, the block would drop its buffer without releasing it.
@cython.no_gc_clear
@cython.final
cdef class MetricsBlock:
    """`capacity_cells` cells of eight bytes, handed out to families in the order they are made.

    `buffer` is writable, contiguous memory of at least that size, aligned to eight bytes; without
    it the block has memory of its own. Values found in it are kept, so a restarted worker counts
    on; fresh memory is all zero. The same families made in the same order lie in the same cells.
    Iterating yields the families in that order.

    `label_sets` remembers what lies in which cells, for those who look at the buffer or take it
    over: `define(family)` is called with each new family and says whether the cells are those of
    one alike, else they are cleared; `of(name)` gives its label values in the order of its cells,
    `add(name, values)` is called with each new one. Unless `keep_gauges`, a family of gauges starts
    at zero: what they tell of ended with the process that set them.
    """

    def __cinit__(
        self, Py_ssize_t capacity_cells, buffer=None, *, label_sets=None, bint keep_gauges=True
    ):
        if not 1 <= capacity_cells <= INT64_MAX // CELL_BYTES:
            raise ValueError(f"a metrics block cannot have {capacity_cells} cells")
        if buffer is None:
            buffer = bytearray(capacity_cells * CELL_BYTES)
        PyObject_GetBuffer(buffer, &self._view, PyBUF_WRITABLE)
        self._acquired = True
        if self._view.len < capacity_cells * CELL_BYTES:
            raise ValueError(f"{capacity_cells} cells do not fit into {self._view.len} bytes")
        if <uintptr_t>self._view.buf % CELL_BYTES:
            raise ValueError("the buffer of a metrics block is aligned to 8 bytes")
        self._cells = <int64_t*>self._view.buf
        self.capacity_cells = capacity_cells
        self._families = []
        self._names = set()
        self._label_sets = label_sets
        self._keep_gauges = keep_gauges

    def __dealloc__(self):
        if self._acquired:
            PyBuffer_Release(&self._view)

    def __iter__(self):
        return iter(tuple(self._families))

    cdef int64_t* _reserve(self, object owner, object count) except NULL:
        cdef Py_ssize_t free = self.capacity_cells - self.used_cells
        if count > free:
            raise BlockFullError(
                f"{owner} needs {count} cells, the metrics block has {free} free "
                f"of {self.capacity_cells}"
            )
        cdef int64_t* first = self._cells + self.used_cells
        self.used_cells += count
        return first


cdef class Family:
    """One metric name, with a cell for each set of label values.

    Made only as one of its kinds, all of which take `max_label_sets`: once a labelled family has
    that many sets, every further one shares the cell labelled `other`, and `overflow_count` says
    how often `labels()` handed it out for that reason. Raises ValueError for names Prometheus
    would not accept and for a name the block already has, BlockFullError for a block too small.
    """

    def __cinit__(
        self, MetricsBlock block not None, str name not None, str help_text not None, *_, **__
    ):
        if not isinstance(self, (Counter, Gauge, Histogram, DurationHistogram)):
            raise TypeError("a family is a Counter, Gauge, Histogram or DurationHistogram")
        if METRIC_NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no metric name")
        help_text.encode()
        self._block = block
        self.name = name
        self.help_text = help_text
        self._width = 1
        self._by_labels = {}

    cdef object _define(
        self, object label_names, object max_label_sets, type cell_type, tuple suffixes
    ):
        if isinstance(label_names, str):
            raise TypeError(f"{self.name}: label names are a sequence of str")
        self.label_names = tuple(label_names)
        for label in self.label_names:
            if LABEL_NAME.fullmatch(label) is None or self.label_names.count(label) > 1:
                raise ValueError(f"{self.name}: {label!r} is no label name, or stands twice")
        if max_label_sets < 1:
            raise ValueError(f"{self.name}: max_label_sets is at least 1")
        cdef set names = {self.name.removesuffix("_total") + suffix for suffix in suffixes}
        if not names.isdisjoint(self._block._names):
            raise ValueError(f"{self.name}: the block has a family of that name")
        self._cell_type = cell_type
        # With labels one cell is for the overflow count, and slot 0 is for `other`.
        cdef object count = self._width
        if self.label_names:
            count = 1 + (1 + max_label_sets) * self._width
        self._cells = self._block._reserve(self.name, count)
        self.max_label_sets = max_label_sets if self.label_names else 1
        if self._block._label_sets is not None:
            _take_over(self, self._block, count)
        if self.label_names:
            self._overflow = self._cells
            self._cells += 1
        else:
            self._cell((), 0)
        self._block._names |= names
        self._block._families.append(self)
        if self._block._label_sets is not None and self.label_names:
            for values in map(tuple, self._block._label_sets.of(self.name)):
                if values == (OTHER,) * len(values):
                    self._cell(values, 0)
                    continue
                self._used_slots += 1
                self._cell(values, self._used_slots)

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

    cdef Cell _resolve(self, tuple values):
        cdef Cell cell = self._by_labels.get(values)
        if cell is not None:
            return cell
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name} has {len(self.label_names)} labels, not {len(values)}")
        for value in values:
            if not isinstance(value, str):
                raise TypeError(f"{self.name}: label values are str")
            value.encode()
        cdef tuple other = (OTHER,) * len(values)
        if values == other:
            return self._new_cell(other, 0)
        if self._used_slots < self.max_label_sets:
            cell = self._new_cell(values, self._used_slots + 1)
            self._used_slots += 1
            return cell
        add_saturating(self._overflow, 1)
        return self._by_labels.get(other) or self._new_cell(other, 0)

    cdef Cell _new_cell(self, tuple values, Py_ssize_t slot):
        if self._block._label_sets is not None:
            self._block._label_sets.add(self.name, values)
        return self._cell(values, slot)

    cdef Cell _cell(self, tuple values, Py_ssize_t slot):
        cdef Cell cell = self._cell_type.__new__(self._cell_type, MADE_HERE)
        cell._family = self
        cell._cells = self._cells + slot * self._width
        if self._limits is not None:
            cell._limits = self._limits.data.as_voidptr
            cell._bound_count = self._width - 2
        self._by_labels[values] = cell
        return cell


@cython.final
cdef class Counter(Family):
    """Counts events; a cell holds an int and only grows. Its name ends in `_total`."""

    def __cinit__(
        self, block, str name, help_text, label_names=(), max_label_sets=MAX_LABEL_SETS
    ):
        if not name.endswith("_total"):
            raise ValueError(f"{name}: the name of a counter ends in _total")
        self._define(label_names, max_label_sets, CounterCell, ("", "_total", "_created"))


@cython.final
cdef class Gauge(Family):
    """A value that goes up and down; a cell holds a float. Its name does not end in `_total`.

    `combine` says what those of several processes make together: their `sum`, or their `max`.
    """

    def __cinit__(
        self, MetricsBlock block, str name, help_text, label_names=(),
        max_label_sets=MAX_LABEL_SETS, str combine="sum",
    ):
        if name.endswith("_total"):
            raise ValueError(f"{name}: only the name of a counter ends in _total")
        if combine not in ("sum", "max"):
            raise ValueError(f"{name}: gauges are combined by sum or max, not {combine!r}")
        self.combine = combine
        self._define(label_names, max_label_sets, GaugeCell, ("",))
        if not block._keep_gauges:
            memset(self._cells, 0, (1 + self.max_label_sets * bool(self.label_names)) * CELL_BYTES)


@cython.final
cdef class Histogram(Family):
    """Counts observations by size; a bucket includes its bound (`le`)."""

    def __cinit__(
        self, block, name, help_text, bounds, label_names=(), max_label_sets=MAX_LABEL_SETS
    ):
        self.bounds = _checked(name, tuple([float(bound) for bound in bounds]))
        self._limits = array("d", self.bounds)
        self._width = len(self.bounds) + 2
        self._define(label_names, max_label_sets, HistogramCell, BUCKET_SUFFIXES)


@cython.final
cdef class DurationHistogram(Family):
    """Counts durations in whole nanoseconds, `bounds_ns` likewise; it is read in seconds.

    A bucket includes its bound (`le`).
    """

    def __cinit__(
        self, block, name, help_text, bounds_ns=DURATION_BUCKETS_NS, label_names=(),
        max_label_sets=MAX_LABEL_SETS,
    ):
        self.bounds_ns = _checked(name, tuple(bounds_ns))
        if self.bounds_ns[0] <= 0:
            raise ValueError(f"{name}: a bound of durations is above 0")
        self.bounds = tuple([bound / 1e9 for bound in self.bounds_ns])
        self._limits = array("q", self.bounds_ns)
        self._width = len(self.bounds) + 2
        self._define(label_names, max_label_sets, DurationCell, BUCKET_SUFFIXES)


AnyFamily = Counter | Gauge | Histogram | DurationHistogram


cdef object _take_over(Family family, MetricsBlock block, Py_ssize_t count):
    """Keeps what a family's new cells hold where it was counted by one alike."""
    try:
        is_alike = block._label_sets.define(family)
    except BaseException:
        block.used_cells -= count
        raise
    if not is_alike:
        memset(family._cells, 0, count * CELL_BYTES)


cdef tuple _checked(str name, tuple bounds):
    if not 1 <= len(bounds) <= MAX_BOUNDS:
        raise ValueError(f"{name} has {len(bounds)} bounds, not 1 to {MAX_BOUNDS}")
    if not all([math.isfinite(bound) for bound in bounds]):
        raise ValueError(f"{name}: bounds are finite; the bucket above them all is implied")
    if any([low >= high for low, high in zip(bounds, bounds[1:])]):
        raise ValueError(f"{name}: each bound is above the one before")
    return bounds


cdef inline int64_t _exact(object number) except? -1:
    # Left to itself, Cython would cut the fraction off a float.
    if not isinstance(number, int):
        raise TypeError("an int is needed, not a rounded number")
    return number


cdef class Cell:
    """One or more cells of the block under one set of label values; made by `labels()` alone."""

    def __cinit__(self, token=None):
        if token is not MADE_HERE:  # its address would point nowhere
            raise TypeError("a cell is made by labels()")


@cython.final
cdef class CounterCell(Cell):
    """One counter. At the greatest int64 it stays there."""

    @property
    def value(self):
        return self._cells[0]

    def _read(self):
        return (self._cells[0],)

    def inc(self, n=1):
        """Adds `n`.

        ValueError if it is negative, OverflowError beyond int64, TypeError if it is no int.
        """
        cdef int64_t exact = _exact(n)
        if exact < 0:
            raise ValueError("a counter does not go down")
        add_saturating(self._cells, exact)

    cdef void inc_c(self, int64_t n) noexcept nogil:
        """Adds `n`; a negative one is dropped."""
        if n > 0:
            add_saturating(self._cells, n)


@cython.final
cdef class GaugeCell(Cell):
    """One gauge."""

    @property
    def value(self):
        return (<double*>self._cells)[0]

    def _read(self):
        return (self.value,)

    def inc(self, double n=1.0):
        self.inc_c(n)

    def dec(self, double n=1.0):
        self.inc_c(-n)

    cpdef void set(self, double value) noexcept nogil:
        (<double*>self._cells)[0] = value

    cdef void inc_c(self, double n) noexcept nogil:
        (<double*>self._cells)[0] += n


cdef class BucketCell(Cell):
    """What histograms share: a count for each bucket, and the sum of what was observed."""

    @property
    def counts(self):
        """Observations in each bucket by itself; the last is above all bounds."""
        return tuple([self._cells[index] for index in range(self._bound_count + 1)])

    @property
    def sum(self):
        """The sum of all observations, in the unit in which they were made."""
        return (<double*>self._cells)[self._bound_count + 1]


@cython.final
cdef class HistogramCell(BucketCell):
    """One histogram of floats."""

    def _read(self):
        return self.counts, self.sum

    def observe(self, double value):
        """Counts `value`; ValueError unless it is finite, for it would spoil the sum for good."""
        if not isfinite(value):
            raise ValueError("a histogram observes finite numbers")
        self.observe_c(value)

    cdef void observe_c(self, double value) noexcept nogil:
        """Counts `value`; one that is not finite is dropped."""
        cdef double* limits = <double*>self._limits
        cdef Py_ssize_t bucket = 0
        if not isfinite(value):
            return
        while bucket < self._bound_count and value > limits[bucket]:
            bucket += 1
        self._count(bucket, value)


@cython.final
cdef class DurationCell(BucketCell):
    """One histogram of durations in nanoseconds.

    Its sum is a float: exact up to 104 days, and no int64 that ten thousand open streams would
    overflow within eleven.
    """

    def _read(self):
        return self.counts, self.sum / 1e9

    def observe_ns(self, elapsed_ns):
        """Counts a duration; ValueError if it is negative, OverflowError beyond int64.

        TypeError if it is no int: a float would most likely be seconds.
        """
        cdef int64_t exact_ns = _exact(elapsed_ns)
        if exact_ns < 0:
            raise ValueError("a duration is not negative")
        self.observe_ns_c(exact_ns)
