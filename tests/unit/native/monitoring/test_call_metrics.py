"""The metrics of calls: what each event adds, in which cells, under which names."""

import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs_native.monitoring.call_metrics import HANDLED_CODE_NAMES, CallMetrics, MethodMetrics
from blrcs_native.monitoring.metrics import DURATION_BUCKETS_NS, BlockFullError, MetricsBlock

BOUNDS_NS = (1_000, 5_000, 1_000_000)


@pytest.fixture
def block() -> MetricsBlock:
    return MetricsBlock(4096)


@pytest.fixture
def calls(block: MetricsBlock) -> CallMetrics:
    return CallMetrics(block, BOUNDS_NS, max_methods=3)


class TestCallMetrics:
    def test_a_method_counts_what_happens_to_it(self, calls: CallMetrics) -> None:
        method = calls.method("pkg.S", "M", "server_stream")
        method.started()
        method.received()
        method.sent()
        method.sent()
        method.handled(5, 1_001)
        key = ("server_stream", "pkg.S", "M")
        assert dict(calls.started.rows())[key] == 1
        assert dict(calls.received.rows())[key] == 1
        assert dict(calls.sent.rows())[key] == 2
        assert {row for row in calls.handled.rows() if row[1]} == {((*key, "NotFound"), 1)}
        assert calls.handling.rows()[1] == (key, (0, 1, 0, 0), 1_001 / 1e9)

    def test_codes_are_named_as_the_registry_of_grpc_numbers_them(self, calls: CallMetrics) -> None:
        method = calls.method("s", "m", "unary")
        for code in range(17):
            for _ in range(code + 1):
                method.handled(code, 0)
        counts = {row[0][3]: row[1] for row in calls.handled.rows() if row[0][1] == "s"}
        assert counts == {name: code + 1 for code, name in enumerate(HANDLED_CODE_NAMES)}
        assert (
            *("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound"),
            *("AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition"),
            *("Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss"),
            "Unauthenticated",
        ) == HANDLED_CODE_NAMES

    @pytest.mark.parametrize("code", [-1, 17, 1000, -(2**31)])
    def test_a_code_grpc_does_not_define_counts_as_unknown(
        self, calls: CallMetrics, code: int
    ) -> None:
        calls.method("s", "m", "unary").handled(code, 0)
        assert [row[0][3] for row in calls.handled.rows() if row[1]] == ["Unknown"]

    def test_a_negative_duration_counts_as_zero(self, calls: CallMetrics) -> None:
        calls.method("s", "m", "unary").handled(0, -5)
        assert calls.handling.rows()[1][1:] == ((1, 0, 0, 0), 0.0)

    def test_all_codes_are_there_before_the_first_call(self, calls: CallMetrics) -> None:
        calls.method("s", "m", "unary")
        codes = [row[0][3] for row in calls.handled.rows() if row[0][1] == "s"]
        assert codes == list(HANDLED_CODE_NAMES)

    def test_names_and_labels_are_those_of_go_grpc_middleware(self, block: MetricsBlock) -> None:
        CallMetrics(block, max_methods=1)
        method = ("grpc_type", "grpc_service", "grpc_method")
        assert {family.name: family.label_names for family in block} == {
            "grpc_server_started_total": method,
            "grpc_server_handled_total": (*method, "grpc_code"),
            "grpc_server_handling_seconds": method,
            "grpc_server_msg_received_total": method,
            "grpc_server_msg_sent_total": method,
        }

    def test_a_method_is_resolved_once(self, calls: CallMetrics) -> None:
        method = calls.method("s", "m", "unary")
        assert calls.method("s", "m", "unary") is method
        assert calls.method("s", "m", "bidi_stream") is not method
        assert (method.service, method.method, method.call_type) == ("s", "m", "unary")

    def test_unknown_methods_have_one_bounded_label(self, calls: CallMetrics) -> None:
        unknown = calls.unknown
        assert (unknown.service, unknown.method) == ("unknown", "unknown")
        assert calls.method("unknown", "unknown", unknown.call_type) is unknown

    def test_methods_beyond_the_cap_are_unknown_and_counted(self, calls: CallMetrics) -> None:
        methods = {calls.method("s", f"m{n}", "unary") for n in range(3)}
        assert len(methods) == 3
        assert calls.unknown not in methods
        assert calls.started.overflow_count == 0
        assert calls.method("s", "m3", "unary") is calls.unknown
        assert calls.started.overflow_count == 1
        assert calls.method("s", "m2", "unary") in methods

    def test_an_unknown_type_of_call_is_refused(self, calls: CallMetrics) -> None:
        with pytest.raises(ValueError, match="no type of call"):
            calls.method("s", "m", "duplex")  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(st.integers(1, 40), st.integers(1, 50))
    def test_cells_needed_is_exact(self, bucket_count: int, max_methods: int) -> None:
        needed = CallMetrics.cells_needed(bucket_count, max_methods)
        block = MetricsBlock(needed)
        calls = CallMetrics(block, range(1, bucket_count + 1), max_methods)
        assert block.used_cells == needed
        for n in range(max_methods):
            assert calls.method("s", f"m{n}", "unary").method == f"m{n}"

    def test_too_small_a_block_is_one_clear_error_and_left_empty(self) -> None:
        needed = CallMetrics.cells_needed(len(DURATION_BUCKETS_NS), 10)
        block = MetricsBlock(needed - 1)
        with pytest.raises(BlockFullError, match=f"CallMetrics of 10 methods needs {needed} cells"):
            CallMetrics(block, max_methods=10)
        assert (block.used_cells, list(block)) == (0, [])

    def test_a_held_method_keeps_the_memory_and_letting_go_releases_it(self) -> None:
        buffer = bytearray(8 * 200)
        calls = CallMetrics(MetricsBlock(200, buffer), BOUNDS_NS, max_methods=1)
        method = calls.method("s", "m", "unary")
        del calls
        gc.collect()
        method.started()
        with pytest.raises(BufferError):
            buffer.append(0)
        del method
        gc.collect()
        buffer.append(0)

    def test_a_method_can_not_be_made_without_memory(self) -> None:
        with pytest.raises(TypeError, match="made by"):
            MethodMetrics()
