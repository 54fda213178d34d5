"""Records as lines of the log."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.monitoring.audit_lines import AuditLines
from blrcs.monitoring.logging import configure_logging
from tests.unit.interceptors.test_guards import factory, serve, token


@pytest.fixture
def written() -> Iterator[list[Any]]:
    """What is written to the log."""
    with structlog.testing.capture_logs() as entries:
        yield entries


async def test_a_refusal_says_who_and_from_where(written: list[Any]) -> None:
    made = factory()
    metadata = (("authorization", f"Bearer {token(sid='s1')}"),)
    await serve(MethodPolicy(Permission("things.read")), made, metadata=metadata)
    made.audit.flush()
    (record,) = written
    assert record == {
        "event": "audit",
        "log_level": "info",
        "kind": "refused",
        "method": "/tests.Service/Get",
        "principal": "users/alice",
        "session": "s1",
        "address": "10.0.0.1",
        "epoch": 0,
        "code": "PERMISSION_DENIED",
        "stage": "authorization",
        "reason": "PERMISSION_DENIED",
    }


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer x.y.z"),)])
async def test_a_call_without_a_valid_token_is_written(
    written: list[Any], metadata: tuple[tuple[str, str], ...]
) -> None:
    made = factory()
    for _ in range(3):
        await serve(MethodPolicy("authenticated"), made, metadata=metadata)
    made.audit.flush()
    (record,) = written
    assert (record["stage"], record["count"]) == ("authentication", 3)
    assert "principal" not in record
    assert record["reason"].startswith("TOKEN_")
    assert "x.y.z" not in str(record)


async def test_a_call_is_written_as_it_ends(written: list[Any]) -> None:
    await serve(MethodPolicy("public", audit="request"), factory())
    (record,) = written
    assert (record["kind"], record["code"]) == ("call", "OK")
    assert record["request"] == {"name": "users/bob"}


async def test_refusals_are_written_without_being_asked_for() -> None:
    seen = asyncio.get_running_loop().create_future()
    made = factory(audit=AuditLines(seen.set_result))
    await serve(MethodPolicy("authenticated"), made, metadata=())
    assert not seen.done()
    async with asyncio.timeout(30):
        assert (await seen)["reason"] == "TOKEN_MISSING"


@pytest.mark.parametrize("level", ["debug", "info", "critical"])
async def test_the_level_of_the_log_does_not_silence_them(level: Any) -> None:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, root_level = root.handlers, root.level
    stream = io.BytesIO()
    threshold = configure_logging("json", "info", stream=stream)
    made = factory()
    try:
        threshold.set(level)
        await serve(MethodPolicy("authenticated"), made, metadata=())
        made.audit.flush()
    finally:
        structlog.configure(**before)
        root.handlers = handlers
        root.setLevel(root_level)
    (line,) = [line for line in stream.getvalue().splitlines() if b"audit" in line]
    assert json.loads(line)["reason"] == "TOKEN_MISSING"
