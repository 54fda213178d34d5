"""Counters, gauges and histograms in one flat block of memory."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, Protocol, TypeAlias, final

from typing_extensions import Buffer

DURATION_BUCKETS_NS: Final[tuple[int, ...]]
OTHER: Final = "other"

AnyFamily: TypeAlias = Counter | Gauge | Histogram | DurationHistogram

class BlockFullError(Exception): ...

class LabelSets(Protocol):
    def define(self, family: AnyFamily) -> bool: ...
    def of(self, name: str) -> Iterable[Sequence[str]]: ...
    def add(self, name: str, values: tuple[str, ...]) -> None: ...

@final
class MetricsBlock:
    def __init__(
        self,
        capacity_cells: int,
        buffer: Buffer | None = None,
        *,
        label_sets: LabelSets | None = None,
        keep_gauges: bool = True,
    ) -> None: ...
    @property
    def capacity_cells(self) -> int: ...
    @property
    def used_cells(self) -> int: ...
    def __iter__(self) -> Iterator[AnyFamily]: ...

class Family:
    @property
    def name(self) -> str: ...
    @property
    def help_text(self) -> str: ...
    @property
    def label_names(self) -> tuple[str, ...]: ...
    @property
    def max_label_sets(self) -> int: ...
    @property
    def overflow_count(self) -> int: ...

@final
class Counter(Family):
    def __init__(
        self,
        block: MetricsBlock,
        name: str,
        help_text: str,
        label_names: Sequence[str] = ...,
        max_label_sets: int = ...,
    ) -> None: ...
    def labels(self, *values: str) -> CounterCell: ...
    def rows(self) -> list[tuple[tuple[str, ...], int]]: ...

@final
class Gauge(Family):
    def __init__(
        self,
        block: MetricsBlock,
        name: str,
        help_text: str,
        label_names: Sequence[str] = ...,
        max_label_sets: int = ...,
        combine: Literal["sum", "max"] = ...,
    ) -> None: ...
    @property
    def combine(self) -> Literal["sum", "max"]: ...
    def labels(self, *values: str) -> GaugeCell: ...
    def rows(self) -> list[tuple[tuple[str, ...], float]]: ...

@final
class Histogram(Family):
    def __init__(
        self,
        block: MetricsBlock,
        name: str,
        help_text: str,
        bounds: Sequence[float],
        label_names: Sequence[str] = ...,
        max_label_sets: int = ...,
    ) -> None: ...
    @property
    def bounds(self) -> tuple[float, ...]: ...
    def labels(self, *values: str) -> HistogramCell: ...
    def rows(self) -> list[tuple[tuple[str, ...], tuple[int, ...], float]]: ...

@final
class DurationHistogram(Family):
    def __init__(
        self,
        block: MetricsBlock,
        name: str,
        help_text: str,
        bounds_ns: Sequence[int] = ...,
        label_names: Sequence[str] = ...,
        max_label_sets: int = ...,
    ) -> None: ...
    @property
    def bounds_ns(self) -> tuple[int, ...]: ...
    @property
    def bounds(self) -> tuple[float, ...]: ...
    def labels(self, *values: str) -> DurationCell: ...
    def rows(self) -> list[tuple[tuple[str, ...], tuple[int, ...], float]]: ...

class Cell: ...

@final
class CounterCell(Cell):
    @property
    def value(self) -> int: ...
    def inc(self, n: int = 1) -> None: ...

@final
class GaugeCell(Cell):
    @property
    def value(self) -> float: ...
    def set(self, value: float) -> None: ...
    def inc(self, n: float = 1.0) -> None: ...
    def dec(self, n: float = 1.0) -> None: ...

class BucketCell(Cell):
    @property
    def counts(self) -> tuple[int, ...]: ...
    @property
    def sum(self) -> float: ...

@final
class HistogramCell(BucketCell):
    def observe(self, value: float) -> None: ...

@final
class DurationCell(BucketCell):
    def observe_ns(self, elapsed_ns: int) -> None: ...
