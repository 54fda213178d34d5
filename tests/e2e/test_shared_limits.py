"""Servers on two machines that count limits in one Redis."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import limit_pb2, limit_pb2_grpc
from tests.e2e.conftest import Start
from tests.e2e.server import Server
from tests.e2e.workers import FIRST_PASSWORD, Metadata, administrator, code
from tests.servers.redis import RedisServer, redis

DOMAIN = "checkout"
LIMIT = 100
WAYS = {"open": "open", "closed": "closed", "local": "local", "leased": "closed"}


@pytest.fixture
def redis_alone() -> Iterator[RedisServer]:
    """One that a test may stop."""
    with redis() as server:
        yield server


@pytest.fixture
def servers(start: Start, tmp_path: Path, redis_alone: RedisServer) -> list[Server]:
    """Two, the first of which has two workers."""
    rules = [
        {
            "name": name,
            "domain": DOMAIN,
            "match": [{"key": name}],
            "requests": LIMIT,
            "period": "366d",
            "algorithm": "fixed_window",
            "mode": "leased" if name == "leased" else "exact",
            "on_loss": way,
        }
        for name, way in WAYS.items()
    ]
    environ = {
        "BLRCS_REDIS__URL": redis_alone.url(),
        "BLRCS_LIMITS__BACKEND": "redis",
        "BLRCS_LIMITS__RULES": json.dumps(rules),
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": json.dumps(
            {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User", "Limit")}
        ),
    }
    return [
        start("--data", tmp_path / name, "--workers", workers, **environ)
        for name, workers in (("first", "2"), ("second", "1"))
    ]


@pytest.fixture
def callers(
    servers: list[Server],
) -> Iterator[list[tuple[limit_pb2_grpc.LimitServiceStub, Metadata]]]:
    with ExitStack() as stack:
        channels = [stack.enter_context(grpc.insecure_channel(each.address)) for each in servers]
        yield [
            (limit_pb2_grpc.LimitServiceStub(channel), administrator([channel] * 2))
            for channel in channels
        ]


def request(name: str, cost: int = 1) -> limit_pb2.ConsumeRequest:
    entry = limit_pb2.LimitEntry(key=name, value="x")
    descriptor = limit_pb2.LimitDescriptor(entries=[entry])
    return limit_pb2.ConsumeRequest(domain=DOMAIN, descriptors=[descriptor], cost=cost)


def test_two_machines_have_one_limit_until_redis_is_lost(
    callers: list[tuple[limit_pb2_grpc.LimitServiceStub, Metadata]], redis_alone: RedisServer
) -> None:
    for name in ("open", "leased"):
        admitted = 0
        for _ in range(LIMIT):
            for stub, metadata in callers:
                admitted += stub.Consume(request(name), metadata=metadata).allowed
        # Three workers, each of whom may hold back a tenth.
        assert LIMIT - (3 * LIMIT // 10 if name == "leased" else 0) <= admitted <= LIMIT
    stub, metadata = callers[1]
    for name in ("closed", "local"):
        assert stub.Consume(request(name, LIMIT), metadata=metadata).allowed
    redis_alone.stop()
    assert stub.Consume(request("open"), metadata=metadata).allowed
    assert (
        code(lambda: stub.Consume(request("closed"), metadata=metadata))
        is grpc.StatusCode.UNAVAILABLE
    )
    assert stub.Consume(request("local", LIMIT), metadata=metadata).allowed
    assert not stub.Consume(request("local"), metadata=metadata).allowed
