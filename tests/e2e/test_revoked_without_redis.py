"""What one machine revokes while Redis is away: the others find it in the database."""

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import auth_pb2, auth_pb2_grpc, user_pb2, user_pb2_grpc
from tests.conftest import new_database
from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.workers import (
    FIRST_PASSWORD,
    PASSWORD,
    Metadata,
    administrator,
    bearer,
    code,
    sign_in,
    until,
)
from tests.servers.redis import RedisServer, redis

SOON_S = 25
OK, UNAUTHENTICATED = grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def redis_alone() -> Iterator[RedisServer]:
    """One that a test may stop."""
    with redis() as server:
        yield server


@pytest.fixture
def channels(
    request: pytest.FixtureRequest, start: Start, tmp_path: Path, redis_alone: RedisServer
) -> Iterator[list[grpc.Channel]]:
    environ = {
        # They tell each other by Redis alone: MariaDB announces nothing.
        "BLRCS_DATABASE__URL": new_database("mariadb", request, tmp_path),
        "BLRCS_DATABASE__REFRESH_INTERVAL": "1s",
        "BLRCS_REDIS__URL": redis_alone.url(),
        "BLRCS_REDIS__COMMAND_TIMEOUT": "500ms",
        "BLRCS_CACHE__BACKEND": "redis",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": json.dumps(
            {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User")}
        ),
    }
    with channels_of(start_two(start, tmp_path, **environ)) as opened:
        yield opened


def test_a_session_ends_on_all_machines_without_redis(
    channels: list[grpc.Channel], redis_alone: RedisServer
) -> None:
    here, there = channels
    administrator(channels)
    redis_alone.pause()
    try:
        ends_everywhere(here, there)
    finally:
        redis_alone.resume()
    ends_everywhere(there, here)
    redis_alone.kill()
    ends_everywhere(here, there)
    redis_alone.start()
    ends_everywhere(there, here)


def ends_everywhere(here: grpc.Channel, there: grpc.Channel) -> None:
    """A session that was begun on one machine, is used on both, and ended on the first."""
    session = bearer(sign_in(here, "admin", PASSWORD))
    assert seen_by(there, session) is OK
    auth_pb2_grpc.AuthServiceStub(here).SignOut(auth_pb2.SignOutRequest(), metadata=session)
    assert seen_by(here, session) is UNAUTHENTICATED
    until(lambda: seen_by(there, session) is UNAUTHENTICATED, SOON_S)


def seen_by(channel: grpc.Channel, session: Metadata) -> object:
    users = user_pb2_grpc.UserServiceStub(channel)
    request = user_pb2.GetUserRequest(name="users/admin")
    return code(lambda: users.GetUser(request, metadata=session))
