"""Servers on several machines that keep what they keep in one PostgreSQL."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    limit_pb2,
    limit_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    FIRST_PASSWORD,
    TIMEOUT_S,
    Metadata,
    administrator,
    bearer,
    choose_password,
    code,
    sign_in,
    until,
)
from tests.servers.postgresql import PostgresqlServer, postgresql

AWAY = (
    "the database cannot be used now",
    # Where it lasts: the circuit breaker's.
    "what the server depends on does not answer now: try again",
)


@pytest.fixture
def postgresql_alone() -> Iterator[PostgresqlServer]:
    """One that a test may stop."""
    with postgresql() as server:
        yield server


@pytest.fixture
def servers(start: Start, tmp_path: Path, postgresql_alone: PostgresqlServer) -> list[Server]:
    """Two, each with a folder of its own, as on two machines; the key is the same."""
    environ = {
        "BLRCS_DATABASE__URL": postgresql_alone.url(),
        "BLRCS_DATABASE__REFRESH_INTERVAL": "100ms",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": json.dumps(
            {
                f"/blrcs.v1.{name}Service/*": {"limits": []}
                for name in ("Auth", "User", "Access", "Limit")
            }
        ),
    }
    return start_two(start, tmp_path, **environ)


@pytest.fixture
def channels(servers: list[Server]) -> Iterator[list[grpc.Channel]]:
    with channels_of(servers) as opened:
        yield opened


@pytest.fixture
def admin(channels: list[grpc.Channel]) -> Metadata:
    return administrator(channels)


def test_what_one_machine_was_told_the_other_goes_by(
    channels: list[grpc.Channel], admin: Metadata
) -> None:
    here, there = channels
    user_pb2_grpc.UserServiceStub(here).CreateUser(
        user_pb2.CreateUserRequest(user_id="bob", user={}, password=FIRST_PASSWORD),
        metadata=admin,
    )
    choose_password(there, "bob")
    bob = bearer(sign_in(here, "bob"))
    users = user_pb2_grpc.UserServiceStub(there)

    def ends(name: str, status: grpc.StatusCode) -> bool:
        request = user_pb2.GetUserRequest(name=name)
        return code(lambda: users.GetUser(request, metadata=bob)) is status

    access = access_pb2_grpc.AccessServiceStub(here)
    assert ends("users/admin", grpc.StatusCode.PERMISSION_DENIED)
    binding = {"role": "roles/viewer", "members": ["users/bob"]}
    access.CreateBinding(
        access_pb2.CreateBindingRequest(binding_id="b", binding=binding), metadata=admin
    )
    until(lambda: ends("users/admin", grpc.StatusCode.OK))
    access.DeleteBinding(access_pb2.DeleteBindingRequest(name="bindings/b"), metadata=admin)
    until(lambda: ends("users/admin", grpc.StatusCode.PERMISSION_DENIED))

    assert ends("users/bob", grpc.StatusCode.OK)
    auth_pb2_grpc.AuthServiceStub(here).SignOut(auth_pb2.SignOutRequest(), metadata=bob)
    until(lambda: ends("users/bob", grpc.StatusCode.UNAUTHENTICATED))

    rule = {"domain": "d", "match": [{"key": "k"}], "requests": 1, "period": {"seconds": 3600}}
    limits = [limit_pb2_grpc.LimitServiceStub(channel) for channel in channels]

    def limited() -> bool:
        consume = limit_pb2.ConsumeRequest(
            domain="d", descriptors=[{"entries": [{"key": "k", "value": "v"}]}], cost=2
        )
        return not limits[1].Consume(consume, metadata=admin).allowed

    assert not limited()
    limits[0].CreateLimitRule(
        limit_pb2.CreateLimitRuleRequest(limit_rule_id="r", limit_rule=rule), metadata=admin
    )
    until(limited)
    limits[0].DeleteLimitRule(limit_pb2.DeleteLimitRuleRequest(name="limitRules/r"), metadata=admin)
    until(lambda: not limited())


def test_without_its_database_a_server_says_so_and_goes_on_with_it(
    servers: list[Server],
    channels: list[grpc.Channel],
    admin: Metadata,
    postgresql_alone: PostgresqlServer,
    tmp_path: Path,
) -> None:
    users = user_pb2_grpc.UserServiceStub(channels[0])
    get = user_pb2.GetUserRequest(name="users/admin")
    explain = ("policy", "explain", "/blrcs.v1.UserService/ListUsers", "--as", "users/admin")
    environ = {"BLRCS_DATABASE__URL": postgresql_alone.url()}
    explained = blrcs(*explain, cwd=tmp_path, environ=environ)
    assert explained.returncode == 0, explained.stderr
    assert "bindings/administrator" in explained.stdout
    postgresql_alone.stop()
    explained = blrcs(*explain, cwd=tmp_path, environ=environ)
    assert (explained.returncode, explained.stdout) == (1, "")
    assert "cannot be reached" in explained.stderr
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as caught:
            users.GetUser(get, metadata=admin, timeout=TIMEOUT_S)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert caught.value.details() in AWAY
    postgresql_alone.start()
    until(lambda: code(lambda: users.GetUser(get, metadata=admin)) is grpc.StatusCode.OK)
    for server in servers:
        server.wait_for("housekeeping goes on", source="stderr")
        # Once for each reason: where it lasts, the circuit breaker's is another one.
        reasons = re.findall(r"housekeeping has to wait +reason='(\w+)'", server.stderr)
        assert sorted(reasons) in (
            ["DATABASE_UNAVAILABLE"],
            ["DATABASE_UNAVAILABLE", "DEPENDENCY_UNAVAILABLE"],
        )
        assert server.stop() == 0
        assert "Traceback" not in server.stderr
