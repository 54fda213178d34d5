"""Native metrics against an exact model: plain ints, floats and dicts."""

import math
import struct
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.monitoring.metrics import (
    DURATION_BUCKETS_NS,
    BlockFullError,
    Cell,
    Counter,
    CounterCell,
    DurationHistogram,
    Family,
    Gauge,
    Histogram,
    MetricsBlock,
)

INT64_MAX = 2**63 - 1


@pytest.fixture
def block() -> MetricsBlock:
    return MetricsBlock(4096)


class TestBlock:
    def test_cells_lie_in_the_given_buffer_in_the_order_the_families_were_made(self) -> None:
        buffer = bytearray(8 * 8)
        block = MetricsBlock(8, buffer)
        Counter(block, "a_total", "").labels().inc(7)
        Gauge(block, "b", "").labels().set(2.5)
        cell = DurationHistogram(block, "c_seconds", "", (10, 20)).labels()
        cell.observe_ns(20)
        cell.observe_ns(21)
        assert struct.unpack("=qdqqqdqq", buffer) == (7, 2.5, 0, 1, 1, 41.0, 0, 0)
        assert (block.used_cells, block.capacity_cells) == (6, 8)

    def test_a_labelled_family_reserves_overflow_count_other_and_all_its_sets_at_once(self) -> None:
        buffer = bytearray(8 * 4)
        family = Counter(MetricsBlock(4, buffer), "a_total", "", ("x",), 2)
        for value, n in (("one", 1), ("two", 2), ("three", 3)):
            family.labels(value).inc(n)
        assert struct.unpack("=4q", buffer) == (1, 3, 1, 2)

    def test_blocks_of_one_layout_can_be_summed_cell_by_cell(self) -> None:
        buffers = [bytearray(8 * 3), bytearray(8 * 3)]
        for n, buffer in enumerate(buffers, start=1):
            Counter(MetricsBlock(3, buffer), "a_total", "", ("x",), 1).labels("v").inc(n)
        columns = zip(*(memoryview(buffer).cast("q") for buffer in buffers), strict=True)
        assert [sum(column) for column in columns] == [0, 0, 3]

    def test_values_found_in_a_buffer_are_kept(self) -> None:
        buffer = bytearray(8)
        Counter(MetricsBlock(1, buffer), "a_total", "").labels().inc(5)
        again = Counter(MetricsBlock(1, buffer), "a_total", "").labels()
        again.inc()
        assert again.value == 6

    def test_a_family_too_large_is_one_clear_error_and_leaves_the_block_as_it_was(self) -> None:
        block = MetricsBlock(10)
        Counter(block, "a_total", "")
        with pytest.raises(
            BlockFullError,
            match=r"^b_total needs 10 cells, the metrics block has 9 free of 10$",
        ):
            Counter(block, "b_total", "", ("x",), 8)
        assert block.used_cells == 1
        assert [family.name for family in block] == ["a_total"]
        assert Counter(block, "b_total", "", ("x",), 7).max_label_sets == 7

    @pytest.mark.parametrize("capacity", [0, -1, 2**60])
    def test_a_capacity_that_cannot_be_is_refused(self, capacity: int) -> None:
        with pytest.raises(ValueError, match="cannot have"):
            MetricsBlock(capacity)

    def test_a_buffer_too_small_is_refused(self) -> None:
        with pytest.raises(ValueError, match="2 cells do not fit into 15 bytes"):
            MetricsBlock(2, bytearray(15))

    def test_a_buffer_out_of_line_is_refused(self) -> None:
        with pytest.raises(ValueError, match="aligned to 8 bytes"):
            MetricsBlock(1, memoryview(bytearray(16))[1:9])

    def test_a_read_only_buffer_is_refused(self) -> None:
        with pytest.raises(BufferError):
            MetricsBlock(1, bytes(8))


class TestFamily:
    def test_labels_give_the_same_cell_each_time(self, block: MetricsBlock) -> None:
        family = Counter(block, "a_total", "help", ("x", "y"))
        assert family.labels("1", "2") is family.labels("1", "2")
        assert family.labels("1", "2") is not family.labels("2", "1")

    def test_a_family_without_labels_has_its_cell_from_the_start(self, block: MetricsBlock) -> None:
        assert Gauge(block, "a", "help").rows() == [((), 0.0)]

    def test_sets_beyond_the_cap_share_the_cell_other_and_are_counted(
        self, block: MetricsBlock
    ) -> None:
        family = Counter(block, "a_total", "help", ("x",), 2)
        first, second = family.labels("1"), family.labels("2")
        assert family.overflow_count == 0
        third, fourth = family.labels("3"), family.labels("4")
        assert third is fourth is family.labels("other")
        assert family.overflow_count == 2
        assert (family.labels("1"), family.labels("2")) == (first, second)
        assert family.overflow_count == 2
        third.inc(9)
        assert family.rows() == [(("1",), 0), (("2",), 0), (("other",), 9)]

    def test_asking_for_other_takes_none_of_the_sets(self, block: MetricsBlock) -> None:
        family = Counter(block, "a_total", "help", ("x",), 1)
        other = family.labels("other")
        assert family.labels("1") is not other
        assert family.labels("2") is other
        assert family.overflow_count == 1

    @pytest.mark.parametrize("values", [(), ("1",), ("1", "2", "3")])
    def test_the_wrong_number_of_values_is_refused(
        self, block: MetricsBlock, values: tuple[str, ...]
    ) -> None:
        with pytest.raises(ValueError, match="a_total has 2 labels"):
            Counter(block, "a_total", "help", ("x", "y")).labels(*values)

    def test_a_value_that_is_no_text_is_refused_and_takes_no_cell(
        self, block: MetricsBlock
    ) -> None:
        family = Counter(block, "a_total", "help", ("x",), 1)
        with pytest.raises(TypeError):
            family.labels(1)  # type: ignore[arg-type]
        with pytest.raises(UnicodeEncodeError):
            family.labels("\ud800")
        family.labels("fits")
        assert family.overflow_count == 0

    @pytest.mark.parametrize("name", ["", "1a", "a-b", "a b", "ä", "a\n"])
    def test_a_name_prometheus_would_not_take_is_refused(
        self, block: MetricsBlock, name: str
    ) -> None:
        with pytest.raises(ValueError, match="is no metric name"):
            Gauge(block, name, "help")

    @pytest.mark.parametrize(
        "labels", [("",), ("1",), ("__x",), ("a:b",), ("le",), ("x", "x"), ("x\n",)]
    )
    def test_a_label_name_prometheus_would_not_take_is_refused(
        self, block: MetricsBlock, labels: tuple[str, ...]
    ) -> None:
        with pytest.raises(ValueError, match="label name"):
            Gauge(block, "a", "help", labels)
        assert list(block) == []

    def test_label_names_in_one_string_are_refused(self, block: MetricsBlock) -> None:
        with pytest.raises(TypeError):
            Gauge(block, "a", "help", "xy")

    def test_only_counters_end_in_total(self, block: MetricsBlock) -> None:
        with pytest.raises(ValueError, match="ends in _total"):
            Counter(block, "a", "help")
        with pytest.raises(ValueError, match="ends in _total"):
            Gauge(block, "a_total", "help")

    @pytest.mark.parametrize("name", ["a", "a_sum", "a_count", "a_bucket"])
    def test_a_name_whose_samples_would_clash_is_refused(
        self, block: MetricsBlock, name: str
    ) -> None:
        Histogram(block, "a", "help", (1,))
        used_cells = block.used_cells
        with pytest.raises(ValueError, match="has a family of that name"):
            Gauge(block, name, "help")
        assert block.used_cells == used_cells

    def test_a_cap_below_one_is_refused(self, block: MetricsBlock) -> None:
        with pytest.raises(ValueError, match="max_label_sets"):
            Gauge(block, "a", "help", ("x",), 0)

    def test_neither_families_nor_cells_can_be_made_without_memory(
        self, block: MetricsBlock
    ) -> None:
        for kind in (CounterCell, Cell):
            with pytest.raises(TypeError, match="made by"):
                kind()
        with pytest.raises(TypeError):
            Family(block, "a", "help")  # type: ignore[call-arg]


class TestCounter:
    def test_counts_by_one_and_by_more(self, block: MetricsBlock) -> None:
        cell = Counter(block, "a_total", "help").labels()
        cell.inc()
        cell.inc(41)
        cell.inc(0)
        assert cell.value == 42

    def test_never_goes_down(self, block: MetricsBlock) -> None:
        cell = Counter(block, "a_total", "help").labels()
        cell.inc(3)
        with pytest.raises(ValueError, match="does not go down"):
            cell.inc(-1)
        assert cell.value == 3

    def test_counts_no_fractions(self, block: MetricsBlock) -> None:
        cell = Counter(block, "a_total", "help").labels()
        with pytest.raises(TypeError):
            cell.inc(0.5)  # type: ignore[arg-type]
        assert cell.value == 0

    def test_stays_full_where_it_would_overflow(self, block: MetricsBlock) -> None:
        cell = Counter(block, "a_total", "help").labels()
        cell.inc(INT64_MAX - 1)
        cell.inc(1)
        assert cell.value == INT64_MAX
        cell.inc(INT64_MAX)
        assert cell.value == INT64_MAX
        with pytest.raises(OverflowError):
            cell.inc(INT64_MAX + 1)


class TestGauge:
    def test_goes_up_and_down(self, block: MetricsBlock) -> None:
        cell = Gauge(block, "a", "help").labels()
        cell.set(1.5)
        cell.inc()
        cell.inc(2.25)
        cell.dec()
        cell.dec(10)
        assert cell.value == -6.25


@st.composite
def bounds_and_values(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    number = st.floats(-1e6, 1e6)
    bounds = sorted(draw(st.sets(number, min_size=1, max_size=20)))
    return bounds, draw(st.lists(number | st.sampled_from(bounds)))


@st.composite
def bounds_and_durations(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    # Sums stay below 2**53, where a float is exact.
    number = st.integers(1, 2**40)
    bounds = sorted(draw(st.sets(number, min_size=1, max_size=20)))
    near = st.sampled_from(bounds).flatmap(lambda bound: st.integers(bound - 1, bound + 1))
    return bounds, draw(st.lists(near | number | st.just(0), max_size=100))


class TestHistogram:
    @settings(deadline=None)
    @given(bounds_and_values())
    def test_counts_as_the_model_does(self, case: tuple[list[float], list[float]]) -> None:
        bounds, values = case
        cell = Histogram(MetricsBlock(64), "a", "help", bounds).labels()
        counts, total = [0] * (len(bounds) + 1), 0.0
        for value in values:
            cell.observe(value)
            counts[bisect_left(bounds, value)] += 1
            total += value
        assert (cell.counts, cell.sum) == (tuple(counts), total)

    def test_a_bucket_includes_its_bound(self, block: MetricsBlock) -> None:
        cell = Histogram(block, "a", "help", (1.0, 2.0)).labels()
        for value in (1.0, math.nextafter(1.0, 2), 2.0, math.nextafter(2.0, 3)):
            cell.observe(value)
        assert cell.counts == (1, 2, 1)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_what_would_spoil_the_sum_is_refused(self, block: MetricsBlock, value: float) -> None:
        cell = Histogram(block, "a", "help", (1.0,)).labels()
        with pytest.raises(ValueError, match="finite"):
            cell.observe(value)
        assert (cell.counts, cell.sum) == ((0, 0), 0.0)

    @pytest.mark.parametrize(
        "bounds", [(), (1, 1), (2, 1), (math.inf,), (math.nan,), tuple(range(129))]
    )
    def test_bounds_that_are_none_are_refused(
        self, block: MetricsBlock, bounds: tuple[float, ...]
    ) -> None:
        with pytest.raises(ValueError, match="bound"):
            Histogram(block, "a", "help", bounds)
        assert block.used_cells == 0


class TestDurationHistogram:
    @settings(deadline=None)
    @given(bounds_and_durations())
    def test_counts_as_the_model_does(self, case: tuple[list[int], list[int]]) -> None:
        bounds, values = case
        family = DurationHistogram(MetricsBlock(64), "a", "help", bounds)
        cell = family.labels()
        counts = [0] * (len(bounds) + 1)
        for value in values:
            cell.observe_ns(value)
            counts[bisect_left(bounds, value)] += 1
        assert (cell.counts, cell.sum) == (tuple(counts), sum(values))
        assert family.rows() == [((), tuple(counts), sum(values) / 1e9)]
        assert family.bounds == tuple(bound / 1e9 for bound in bounds)

    def test_bounds_stay_exact_where_a_float_is_not(self, block: MetricsBlock) -> None:
        bound = 2**53 + 1
        cell = DurationHistogram(block, "a", "help", (bound,)).labels()
        cell.observe_ns(bound)
        cell.observe_ns(bound + 1)
        assert cell.counts == (1, 1)

    def test_the_sum_outgrows_int64(self, block: MetricsBlock) -> None:
        cell = DurationHistogram(block, "a", "help", (1,)).labels()
        cell.observe_ns(INT64_MAX)
        cell.observe_ns(INT64_MAX)
        assert cell.sum == 2.0**64

    def test_a_negative_duration_is_refused(self, block: MetricsBlock) -> None:
        cell = DurationHistogram(block, "a", "help", (1,)).labels()
        with pytest.raises(ValueError, match="not negative"):
            cell.observe_ns(-1)
        assert cell.counts == (0, 0)

    def test_seconds_are_not_taken_for_nanoseconds(self, block: MetricsBlock) -> None:
        cell = DurationHistogram(block, "a", "help", (1,)).labels()
        with pytest.raises(TypeError):
            cell.observe_ns(1.5)  # type: ignore[arg-type]
        assert cell.counts == (0, 0)

    @pytest.mark.parametrize("bounds", [(0, 1), (-1,), (2**63,), (1.5,)])
    def test_bounds_are_ints_above_zero(self, block: MetricsBlock, bounds: tuple[int, ...]) -> None:
        with pytest.raises((ValueError, OverflowError, TypeError)):
            DurationHistogram(block, "a", "help", bounds)
        assert block.used_cells == 0

    def test_durations_reach_far_below_a_millisecond(self) -> None:
        assert DURATION_BUCKETS_NS[0] < 100_000
        assert list(DURATION_BUCKETS_NS) == sorted(set(DURATION_BUCKETS_NS))
