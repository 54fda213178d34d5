"""What is logged of a call, and what it costs when nobody reads it."""

from typing import Any

import grpc
import pytest
import structlog

from blrcs.interceptors.call_log import CallLog
from blrcs.monitoring.log_level import LogLevel
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from tests.unit.native.calls.test_pipeline import echo, make_call, make_method


async def serve(level: str, handler: Any = echo) -> list[Any]:
    observer = CallLog(LogLevel(level))  # type: ignore[arg-type]
    pipeline = Pipeline(make_method(), handler, observers=[observer])
    with structlog.testing.capture_logs() as lines:
        await pipeline.serve(make_call(pipeline), b"hello")
    return lines


async def test_a_call_is_logged_at_level_debug() -> None:
    (line,) = await serve("debug")
    assert (line["log_level"], line["method"], line["code"]) == ("debug", "/a.B/C", "OK")
    assert line["address"] == "10.0.0.1"


@pytest.mark.parametrize("level", ["info", "warning", "error"])
async def test_above_debug_a_good_call_leaves_no_line(level: str) -> None:
    assert await serve(level) == []


async def test_a_change_of_the_level_counts_from_the_next_call_on() -> None:
    level = LogLevel("info")
    pipeline = Pipeline(make_method(), echo, observers=[CallLog(level)])
    found = []
    for name in ("info", "debug", "warning"):
        level.set(name)  # type: ignore[arg-type]
        with structlog.testing.capture_logs() as lines:
            await pipeline.serve(make_call(pipeline), b"hello")
        found.append(len(lines))
    assert found == [0, 1, 0]


@pytest.mark.parametrize(
    ("code", "logged"), [("INTERNAL", True), ("UNAVAILABLE", True), ("NOT_FOUND", False)]
)
async def test_the_servers_own_faults_are_warnings(code: str, logged: bool) -> None:
    async def fail(request: str, call: Call) -> None:
        await call.abort(grpc.StatusCode[code], "no")

    lines = await serve("info", fail)
    assert [line["log_level"] for line in lines] == (["warning"] if logged else [])


async def test_what_nothing_else_caught_is_an_error() -> None:
    async def fail(request: str, call: Call) -> None:
        raise KeyError(request)

    lines = await serve("error", fail)
    assert [line["event"] for line in lines] == ["call failed"]
