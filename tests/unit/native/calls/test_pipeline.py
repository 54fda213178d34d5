"""The road of a call, stage by stage."""

import asyncio
from typing import Any, Self

import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import AbortError, Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import MetricsBlock

DENIED = Rejection(7, "authorization", "DENIED", "denied")
OTHER = Rejection(3, "validation", "OTHER", "other")


class Recorder(Guard):
    """Answers what it was told to, and notes that it was asked."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(cls)

    def __init__(self, name: str, verdict: Any, asked: list[str], *, shadow: bool = False) -> None:
        super().__init__(name, shadow=shadow)
        self.verdict = verdict
        self.asked = asked

    def check(self, call: Call) -> Any:
        self.asked.append(self.stage)
        return self.verdict() if callable(self.verdict) else self.verdict


async def later(verdict: Rejection | None) -> Rejection | None:
    await asyncio.sleep(0)
    return verdict


def make_method(**changes: Any) -> Method:
    arguments = {
        "client_streaming": False,
        "server_streaming": False,
        "parse": bytes.decode,
        "serialize": str.encode,
    }
    return Method("/a.B/C", **(arguments | changes))


async def echo(request: str, call: Call) -> str:
    del call
    return request


def make_call(pipeline: Pipeline) -> Call:
    return Call(pipeline.method, InProcessStream(None), (), "10.0.0.1")


async def serve(pipeline: Pipeline, body: bytes = b"hello") -> tuple[bytes | None, Call]:
    call = make_call(pipeline)
    return await pipeline.serve(call, body), call


async def test_guards_are_asked_in_order_and_all_admit() -> None:
    asked: list[str] = []
    guards = [Recorder("a", None, asked), Recorder("b", lambda: later(None), asked)]
    body_guards = [Recorder("c", None, asked), Recorder("d", lambda: later(None), asked)]
    reply, call = await serve(Pipeline(make_method(), echo, guards=guards, body_guards=body_guards))
    assert (reply, call.rejection, asked) == (b"hello", None, ["a", "b", "c", "d"])


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("place", range(4))
async def test_the_first_rejection_ends_the_call(place: int, waits: bool) -> None:
    asked: list[str] = []
    verdict = (lambda: later(DENIED)) if waits else DENIED
    recorders = [
        Recorder(name, verdict if index == place else None, asked)
        for index, name in enumerate("abcd")
    ]
    handled: list[str] = []

    async def handler(request: str, call: Call) -> str:
        handled.append(request)
        return request

    pipeline = Pipeline(make_method(), handler, guards=recorders[:2], body_guards=recorders[2:])
    reply, call = await serve(pipeline)
    assert reply is None
    assert call.rejection is DENIED
    assert asked == list("abcd")[: place + 1]
    assert handled == []


async def test_a_body_is_not_parsed_when_metadata_is_refused() -> None:
    def parse(body: bytes) -> str:
        raise AssertionError("parsed")

    pipeline = Pipeline(make_method(parse=parse), echo, guards=[Recorder("a", DENIED, [])])
    _, call = await serve(pipeline)
    assert call.rejection is DENIED


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("stage", ["guards", "body_guards"])
async def test_a_guard_in_shadow_is_recorded_and_lets_pass(stage: str, waits: bool) -> None:
    asked: list[str] = []
    verdict = (lambda: later(DENIED)) if waits else DENIED
    guards = [Recorder("a", verdict, asked, shadow=True), Recorder("b", None, asked)]
    reply, call = await serve(Pipeline(make_method(), echo, **{stage: guards}))
    assert reply == b"hello"
    assert call.rejection is None
    assert call.shadowed == [DENIED]
    assert asked == ["a", "b"]


async def test_a_guard_behind_one_that_waits_can_reject() -> None:
    asked: list[str] = []
    guards = [Recorder("a", lambda: later(None), asked), Recorder("b", OTHER, asked)]
    _, call = await serve(Pipeline(make_method(), echo, guards=guards))
    assert call.rejection is OTHER


async def test_an_abort_is_the_status() -> None:
    async def handler(request: str, call: Call) -> str:
        await call.abort(5, "gone", (("k", "v"),))
        return "never"

    _, call = await serve(Pipeline(make_method(), handler))
    rejection = call.rejection
    assert rejection is not None
    assert (rejection.code, rejection.message, rejection.trailers) == (5, "gone", (("k", "v"),))


@pytest.mark.parametrize("code", [0, 17, -1, "NOT_FOUND", None])
async def test_an_abort_wants_an_error_code(code: Any) -> None:
    call = make_call(Pipeline(make_method(), echo))
    with pytest.raises(ValueError, match=r"OK|status code"):
        await call.abort(code)


async def test_an_unexpected_error_is_internal_and_told_to_observers() -> None:
    failures = []

    class Observer:
        def on_failure(self, call: Call, error: Exception) -> None:
            failures.append(repr(error))

    async def handler(request: str, call: Call) -> str:
        raise KeyError("secret")

    _, call = await serve(Pipeline(make_method(), handler, observers=[Observer()]))
    assert call.rejection is not None
    assert (call.rejection.code, call.rejection.message) == (13, "internal error")
    assert failures == ["KeyError('secret')"]


async def test_a_reply_of_the_wrong_type_is_internal() -> None:
    async def handler(request: str, call: Call) -> int:
        return 7

    _, call = await serve(Pipeline(make_method(), handler))
    assert call.status_code == 13


async def test_cancellation_reaches_the_handler_and_is_counted() -> None:
    codes: list[int] = []
    started = asyncio.Event()

    class Observer:
        def on_end(self, call: Call) -> None:
            codes.append(call.status_code)

    async def handler(request: str, call: Call) -> str:
        started.set()
        await asyncio.Event().wait()
        return request

    pipeline = Pipeline(make_method(), handler, observers=[Observer()])
    task = asyncio.create_task(serve(pipeline))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert codes == [1]


async def test_observers_see_start_and_end_of_admitted_and_refused_calls() -> None:
    seen: list[tuple[str, int]] = []

    class Observer:
        def on_start(self, call: Call) -> None:
            seen.append(("start", call.status_code))

        def on_end(self, call: Call) -> None:
            seen.append(("end", call.status_code))

    await serve(Pipeline(make_method(), echo, observers=[Observer()]))
    guards = [Recorder("a", DENIED, [])]
    await serve(Pipeline(make_method(), echo, guards=guards, observers=[Observer()]))
    assert seen == [("start", 0), ("end", 0), ("start", 0), ("end", 7)]


async def test_metrics_count_calls_messages_and_codes() -> None:
    block = MetricsBlock(16_384)
    metrics = CallMetrics(block)
    method = make_method(metrics=metrics.method("a.B", "C", "unary"))
    await serve(Pipeline(method, echo))
    await serve(Pipeline(method, echo, guards=[Recorder("a", DENIED, [])]))
    label = ("unary", "a.B", "C")
    assert metrics.started.labels(*label).value == 2
    assert metrics.handled.labels(*label, "OK").value == 1
    assert metrics.handled.labels(*label, "PermissionDenied").value == 1
    assert metrics.received.labels(*label).value == 1
    assert metrics.sent.labels(*label).value == 1


def test_a_pipeline_takes_guards_only() -> None:
    with pytest.raises(TypeError, match="is not a Guard"):
        Pipeline(make_method(), echo, guards=[object()])  # type: ignore[list-item]


def test_a_guard_must_say_how_it_checks() -> None:
    call = make_call(Pipeline(make_method(), echo))
    with pytest.raises(TypeError, match="does not say"):
        Guard("a").check(call)


@pytest.mark.parametrize("name", ["a.B/C", "/a.B", "//C", "/a.B/", "/", ""])
def test_a_method_has_a_service_and_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="is not a method's name"):
        Method(name, client_streaming=False, server_streaming=False, parse=None, serialize=None)


@pytest.mark.parametrize(
    ("client", "server", "kind"),
    [
        (False, False, "unary"),
        (True, False, "client_stream"),
        (False, True, "server_stream"),
        (True, True, "bidi_stream"),
    ],
)
def test_a_method_knows_its_kind(client: bool, server: bool, kind: str) -> None:
    assert make_method(client_streaming=client, server_streaming=server).kind == kind


@pytest.mark.parametrize("code", [0, 17, -1])
def test_a_rejection_is_an_error(code: int) -> None:
    with pytest.raises(ValueError, match="not the code of an error"):
        Rejection(code, "a", "B", "c")


async def test_what_the_core_itself_rejects_is_explained_too() -> None:
    def parse(body: bytes) -> str:
        raise ValueError("secret")

    _, call = await serve(Pipeline(make_method(parse=parse), echo))
    assert call.rejection is not None
    (trailer,) = call.rejection.trailers
    status = status_pb2.Status.FromString(trailer[1])  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, status.message) == (3, call.rejection.message)
    assert (info.reason, info.domain) == ("REQUEST_MALFORMED", "blrcs")
    assert status == status_pb2.Status.FromString(status.SerializeToString())


def test_the_first_rejection_counts() -> None:
    error = AbortError(DENIED)
    assert error.rejection is DENIED
    assert "PERMISSION_DENIED" in str(error)


def test_a_principal_has_a_name() -> None:
    principal = Principal("users/alice", session="s1", token_id="t1")
    assert (principal.name, principal.session, principal.token_id) == ("users/alice", "s1", "t1")


async def test_what_an_observer_raises_costs_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("sys.unraisablehook", lambda error: told.append(str(error.exc_value)))

    class Observer:
        def on_start(self, call: Call) -> None:
            raise ValueError("start")

        def on_end(self, call: Call) -> None:
            raise ValueError("end")

    reply, _ = await serve(Pipeline(make_method(), echo, observers=[Observer()]))
    assert reply == b"hello"
    assert told == ["start", "end"]


@pytest.mark.parametrize("stage", ["authentication", "authorization"])
async def test_a_stream_ends_when_its_right_does(stage: str) -> None:
    verdicts: list[Rejection | None] = [None]
    sent: list[str] = []

    async def handler(request: str, call: Call) -> None:
        for text in "ab":
            await call.write(text)
            sent.append(text)
            verdicts[0] = DENIED

    guard = Recorder(stage, lambda: later(verdicts[0]), [])
    _, call = await serve(Pipeline(make_method(server_streaming=True), handler, guards=[guard]))
    assert sent == ["a"]
    assert call.rejection is DENIED


async def test_other_guards_are_asked_of_a_stream_once() -> None:
    asked: list[str] = []

    async def handler(request: str, call: Call) -> None:
        for text in "abc":
            await call.write(text)

    guard = Recorder("rate_limit", None, asked)
    await serve(Pipeline(make_method(server_streaming=True), handler, guards=[guard]))
    assert asked == ["rate_limit"]
