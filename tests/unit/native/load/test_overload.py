"""Who runs and who is refused, and that every place is given back."""

import asyncio
import time
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.load.adaptive_limit import AdaptiveLimit
from blrcs_native.load.overload import PRIORITY_NAMES, REFUSAL_NAMES, MethodLoad, Overload
from blrcs_native.monitoring.metrics import Counter, Gauge, MetricsBlock

REJECTIONS = [[Rejection(14, "overload", name.upper(), name)] for name in REFUSAL_NAMES]
ALICE, BOB = Principal("users/alice"), Principal("users/bob")


class Waiting:
    """A handler whose calls end when they are told to."""

    def __init__(self) -> None:
        self.gates: list[asyncio.Future[str]] = []

    async def __call__(self, request: Any, call: Call) -> str:
        del request, call
        gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        return await gate


class As(Guard):
    """Says who calls."""

    def __init__(self, principal: Principal | None) -> None:
        super().__init__("authentication")
        self._principal = principal

    def __new__(cls, *_: Any) -> Self:
        return super().__new__(cls)

    def check(self, call: Call) -> None:
        call.principal = self._principal


def overload_of(**rules: Any) -> Overload:
    return Overload(REJECTIONS, **{"max_calls": 10, **rules})


def pipeline_of(
    handler: Any, load: MethodLoad | None, *guards: Guard, streams: bool = False
) -> Pipeline:
    method = Method(
        "/a.B/C",
        client_streaming=False,
        server_streaming=streams,
        parse=bytes.decode,
        serialize=str.encode,
    )
    return Pipeline(method, handler, load=load, guards=guards)


def call_of(pipeline: Pipeline, address: str = "192.0.2.1", deadline: float | None = None) -> Call:
    return Call(pipeline.method, InProcessStream(deadline), (), address)


async def begin(pipeline: Pipeline, *args: Any) -> tuple[asyncio.Task[bytes | None], Call]:
    """A call that has come as far as it can without its handler's end."""
    call = call_of(pipeline, *args)
    task = asyncio.ensure_future(pipeline.serve(call, b"hello"))
    await asyncio.sleep(0)
    return task, call


async def run_until_refused(overload: Overload, priority: str, handler: Waiting) -> int:
    pipeline = pipeline_of(handler, overload.method("/a.B/C", priority, is_unary=True))
    for count in range(100):
        _, call = await begin(pipeline)
        if call.rejection is not None:
            assert call.rejection.reason == "LIMIT"
            return count
    raise AssertionError("nobody is refused")


async def finish(overload: Overload, handler: Waiting) -> None:
    for gate in handler.gates:
        gate.set_result("")
    for _ in range(3):
        await asyncio.sleep(0)
    assert (overload.running, overload.callers) == (0, 0)


@pytest.mark.parametrize(
    ("priority", "count"), [("low", 6), ("normal", 9), ("high", 10), ("critical", 13)]
)
async def test_lower_priorities_are_refused_first(priority: str, count: int) -> None:
    overload, handler = overload_of(reserve=3), Waiting()
    assert await run_until_refused(overload, priority, handler) == count
    assert overload.running == count
    await finish(overload, handler)


async def test_the_reserve_is_there_while_all_else_is_full() -> None:
    overload, handler = overload_of(reserve=3), Waiting()
    assert await run_until_refused(overload, "high", handler) == 10
    assert await run_until_refused(overload, "normal", handler) == 0
    assert await run_until_refused(overload, "critical", handler) == 3
    await finish(overload, handler)


@pytest.mark.parametrize("priority", PRIORITY_NAMES)
async def test_the_least_limit_admits_somebody(priority: str) -> None:
    overload, handler = overload_of(max_calls=1), Waiting()
    assert await run_until_refused(overload, priority, handler) == 1
    await finish(overload, handler)


async def test_a_call_that_is_refused_meets_no_guard_and_no_handler() -> None:
    overload, handler = overload_of(max_calls=1), Waiting()
    load = overload.method("/a.B/C", "normal", is_unary=True)
    asked: list[Call] = []

    class Asked(Guard):
        def __new__(cls) -> Self:
            return super().__new__(cls)

        def __init__(self) -> None:
            super().__init__("authentication")

        def check(self, call: Call) -> None:
            asked.append(call)

    pipeline = pipeline_of(handler, load, Asked())
    await begin(pipeline)
    _, refused = await begin(pipeline)
    assert refused.rejection is not None
    assert (len(asked), len(handler.gates)) == (1, 1)
    await finish(overload, handler)


async def test_the_last_place_goes_to_one_of_those_that_passed_the_first_look() -> None:
    overload, handler = overload_of(max_calls=1), Waiting()
    load = overload.method("/a.B/C", "normal", is_unary=True)

    class Slow(Guard):
        def __new__(cls) -> Self:
            return super().__new__(cls)

        def __init__(self) -> None:
            super().__init__("authentication")

        async def check(self, call: Call) -> None:
            await asyncio.sleep(0)

    pipeline = pipeline_of(handler, load, Slow())
    calls = [call_of(pipeline) for _ in range(5)]
    tasks = [asyncio.ensure_future(pipeline.serve(call, b"")) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    assert [call.rejection is None for call in calls] == [True, False, False, False, False]
    assert len(handler.gates) == 1
    await finish(overload, handler)
    await asyncio.gather(*tasks)


async def test_each_caller_has_a_share_over_all_methods() -> None:
    overload, handler = overload_of(max_calls_per_caller=2), Waiting()
    methods = [overload.method(f"/a.B/{name}", "normal", is_unary=True) for name in "CD"]
    for load in methods:
        _, call = await begin(pipeline_of(handler, load, As(ALICE)))
        assert call.rejection is None
    _, third = await begin(pipeline_of(handler, methods[0], As(ALICE)))
    assert third.rejection is not None
    assert third.rejection.reason == "CALLER"
    _, other = await begin(pipeline_of(handler, methods[0], As(BOB)))
    assert other.rejection is None
    assert overload.callers == 2
    await finish(overload, handler)


async def test_callers_without_a_principal_share_by_address() -> None:
    overload, handler = overload_of(max_calls_per_caller=1), Waiting()
    pipeline = pipeline_of(handler, overload.method("/a.B/C", "normal", is_unary=True))
    verdicts = [
        (await begin(pipeline, address))[1].rejection is None
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")
    ]
    assert verdicts == [True, False, True]
    # A principal that is called as an address is another caller.
    named = pipeline_of(
        handler, overload.method("/a.B/C", "normal", is_unary=True), As(Principal("192.0.2.1"))
    )
    assert (await begin(named))[1].rejection is None
    await finish(overload, handler)


async def test_critical_calls_count_for_no_share() -> None:
    overload, handler = overload_of(max_calls_per_caller=1), Waiting()
    pipeline = pipeline_of(handler, overload.method("/a.B/C", "critical", is_unary=True), As(ALICE))
    for _ in range(5):
        assert (await begin(pipeline))[1].rejection is None
    await finish(overload, handler)


async def test_a_caller_that_changes_within_the_call_is_released_as_it_was_counted() -> None:
    overload, handler = overload_of(max_calls_per_caller=1), Waiting()
    pipeline = pipeline_of(handler, overload.method("/a.B/C", "normal", is_unary=True), As(ALICE))
    task, call = await begin(pipeline)
    call.principal = BOB
    handler.gates[0].set_result("")
    await task
    assert (overload.running, overload.callers) == (0, 0)


ENDINGS = st.lists(
    st.tuples(
        st.sampled_from(["reply", "error", "cancel", "abort", "never"]),
        st.sampled_from(PRIORITY_NAMES),
        st.sampled_from([None, ALICE, BOB]),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(ENDINGS)
def test_every_place_is_given_back_once(endings: list[tuple[Any, ...]]) -> None:
    asyncio.run(_end_calls(endings))


async def _end_calls(endings: list[tuple[Any, ...]]) -> None:
    overload = overload_of(reserve=2, max_calls_per_caller=3)
    running: list[tuple[str, asyncio.Task[Any], asyncio.Future[str]]] = []
    for ending, priority, principal, streams, to_end in endings:
        gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def handler(
            _: Any, call: Call, gate: asyncio.Future[str] = gate, ending: str = ending
        ) -> str:
            await gate
            if ending == "abort":
                await call.abort(9, "no")
            return ""

        load = overload.method("/a.B/C", priority, is_unary=not streams)
        task, _ = await begin(pipeline_of(handler, load, As(principal), streams=streams))
        running.append((ending, task, gate))
        assert overload.running <= overload.max_calls + overload.reserve
        assert overload.callers <= overload.running
        for each in running[:to_end]:
            _end(*each)
        del running[:to_end]
        await asyncio.sleep(0)
    for each in running:
        _end(*each)
    for _ in range(4):
        await asyncio.sleep(0)
    assert (overload.running, overload.callers) == (0, 0)


def _end(ending: str, task: asyncio.Task[Any], gate: asyncio.Future[str]) -> None:
    if ending in {"cancel", "never"}:
        task.cancel()
    elif not gate.done():
        if ending == "error":
            gate.set_exception(RuntimeError("as the handler has it"))
            gate.exception()
        else:
            gate.set_result("")


async def test_a_handler_that_never_began_took_no_place() -> None:
    overload, handler = overload_of(), Waiting()
    pipeline = pipeline_of(handler, overload.method("/a.B/C", "normal", is_unary=True))
    task = asyncio.ensure_future(pipeline.serve(call_of(pipeline), b""))
    task.cancel()
    await asyncio.wait({task})
    assert (overload.running, handler.gates) == (0, [])


async def test_a_call_whose_deadline_has_passed_is_never_run() -> None:
    overload, handler = overload_of(), Waiting()
    pipeline = pipeline_of(handler, overload.method("/a.B/C", "normal", is_unary=True))
    call = call_of(pipeline, "192.0.2.1", asyncio.get_running_loop().time() - 1)
    await pipeline.serve(call, b"")
    assert call.rejection is not None
    assert (call.rejection.code_name, handler.gates) == ("DEADLINE_EXCEEDED", [])


def adaptive_of(**rules: Any) -> Overload:
    return overload_of(max_calls=100, adaptive=AdaptiveLimit(least=8, most=100), reserve=2, **rules)


def slow_down(overload: Overload) -> int:
    """Calls become so slow that the limit falls as far as it can; returns when."""
    load = overload.method("/a.B/Slow", "normal", is_unary=True)
    now_ns = time.monotonic_ns()
    for number in range(20_000):
        now_ns += 1_000_000
        load.note(1e6 if number < 200 else 1e8, running=100, now_ns=now_ns)
        if overload.limit == 8:
            return now_ns
    raise AssertionError("the limit did not fall")


@pytest.mark.parametrize(
    ("priority", "count"), [("low", 5), ("normal", 8), ("high", 8), ("critical", 10)]
)
async def test_an_adaptive_limit_bounds_unary_calls_alone(priority: str, count: int) -> None:
    overload, handler = adaptive_of(), Waiting()
    slow_down(overload)
    streams = pipeline_of(
        handler, overload.method("/a.B/S", "normal", is_unary=False), streams=True
    )
    for _ in range(20):
        assert (await begin(streams))[1].rejection is None
    assert await run_until_refused(overload, priority, handler) == count
    await finish(overload, handler)


@pytest.mark.parametrize(
    ("left_s", "is_loaded", "is_refused"), [(1, True, True), (1, False, False), (60, True, False)]
)
async def test_what_would_be_late_is_refused_while_there_is_much_to_do(
    left_s: float, is_loaded: bool, is_refused: bool
) -> None:
    overload, handler = adaptive_of(), Waiting()
    load = overload.method("/a.B/C", "normal", is_unary=True)
    load.note(10e9, running=1, now_ns=time.monotonic_ns())
    pipeline = pipeline_of(handler, load)
    for _ in range(60 if is_loaded else 1):
        await begin(pipeline)
    now = asyncio.get_running_loop().time()
    _, call = await begin(pipeline, "192.0.2.1", now + left_s)
    assert (call.rejection is not None and call.rejection.reason == "DEADLINE") == is_refused
    await finish(overload, handler)


def test_the_loop_is_saturated_where_it_had_no_time_left() -> None:
    overload = adaptive_of()
    now_ns = time.monotonic_ns()
    for share, is_saturated in ((0.5, False), (0.95, True), (0.5, False)):
        now_ns += 1_000_000_000
        overload.worked(int(share * 1_000_000_000), now_ns)
        assert overload.saturated == is_saturated


async def test_refusals_and_what_runs_can_be_seen() -> None:
    block = MetricsBlock(4_096)
    refused = Counter(block, "refused_total", "", ("priority", "why"))
    running, limit = Gauge(block, "running", ""), Gauge(block, "limit", "")
    overload = overload_of(max_calls=2, refused=refused, running=running, limit=limit)
    handler = Waiting()
    assert await run_until_refused(overload, "high", handler) == 2
    assert refused.labels("high", "limit").value == 1
    assert (running.labels().value, limit.labels().value) == (2, 2)
    await finish(overload, handler)
    assert running.labels().value == 0


@pytest.mark.parametrize("rules", [{"max_calls": 0}, {"max_calls": 1, "reserve": -1}])
def test_bounds_that_make_no_sense_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one call"):
        Overload(REJECTIONS, **rules)


def test_each_refusal_needs_a_rejection() -> None:
    with pytest.raises(ValueError, match="rejections"):
        Overload(REJECTIONS[1:], max_calls=1)
    with pytest.raises(ValueError, match="rejections"):
        Overload([*REJECTIONS[1:], []], max_calls=1)


def test_a_priority_has_a_name_that_is_known() -> None:
    with pytest.raises(ValueError, match="urgent"):
        overload_of().method("/a.B/C", "urgent", is_unary=True)
