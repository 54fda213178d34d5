"""Servers on several machines that share a PostgreSQL and a Redis."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    cache_pb2,
    cache_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.server import Server, blrcs
from tests.e2e.test_workers_cache import Client
from tests.e2e.workers import (
    FIRST_PASSWORD,
    TIMEOUT_S,
    Metadata,
    administrator,
    bearer,
    children,
    choose_password,
    code,
    sign_in,
)
from tests.servers.postgresql import PostgresqlServer
from tests.servers.redis import PASSWORD, RedisServer, redis

OK, NOT_FOUND = grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
LONG_BEFORE_THE_INTERVAL_S = 30


@pytest.fixture
def redis_alone() -> Iterator[RedisServer]:
    """One that a test may stop."""
    with redis() as server:
        yield server


@pytest.fixture
def environ(
    request: pytest.FixtureRequest, postgresql_server: PostgresqlServer, redis_alone: RedisServer
) -> dict[str, str]:
    """What all servers of a test have in common."""
    database = "redis_" + request.node.name.removeprefix("test_")[:40]
    postgresql_server.create_database(database)
    services = ("Auth", "User", "Access", "Limit", "Cache")
    policies = {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in services}
    return {
        "BLRCS_DATABASE__URL": postgresql_server.url(database),
        "BLRCS_DATABASE__REFRESH_INTERVAL": "1m",
        "BLRCS_REDIS__URL": redis_alone.url(),
        "BLRCS_REDIS__COMMAND_TIMEOUT": "500ms",
        "BLRCS_CACHE__BACKEND": "redis",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": json.dumps(policies),
    }


@pytest.fixture
def servers(start: Start, tmp_path: Path, environ: dict[str, str]) -> list[Server]:
    """Two, as on two machines; the second one has two workers."""
    return start_two(start, tmp_path, workers="2", **environ)


@pytest.fixture
def channels(servers: list[Server]) -> Iterator[list[grpc.Channel]]:
    with channels_of(servers) as opened:
        yield opened


@pytest.fixture
def admin(channels: list[grpc.Channel]) -> Metadata:
    return administrator(channels)


@pytest.fixture
def clients(channels: list[grpc.Channel], admin: Metadata) -> list[Client]:
    return [Client(channel, admin, "n") for channel in channels]


def until(condition: Callable[[], bool], within_s: float = TIMEOUT_S) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it has never come true"
        time.sleep(0.01)


def test_machines_have_the_same_entries(
    servers: list[Server], channels: list[grpc.Channel], clients: list[Client], admin: Metadata
) -> None:
    here, there = clients
    # Redis keeps the entries: there is no process for that.
    assert len(children(servers[1].process_id)) == 2
    watch = cache_pb2_grpc.CacheServiceStub(channels[1]).Watch(
        cache_pb2.WatchRequest(namespace="n"), metadata=admin, timeout=TIMEOUT_S
    )
    assert next(watch).type == cache_pb2.CACHE_EVENT_TYPE_STARTED
    version = here.set("1")
    event = next(watch)
    assert (event.type, event.key, event.version) == (cache_pb2.CACHE_EVENT_TYPE_SET, "k", version)
    assert there.get().version == version
    for number in range(20):
        here.set(number)
        assert here.value() == b"%d" % number
        until(lambda wanted=b"%d" % number: there.value() == wanted)
    assert code(lambda: there.set("x", if_version=version)) is grpc.StatusCode.FAILED_PRECONDITION
    counted = [each.increment("count") for each in clients * 20]
    assert counted == list(range(1, 41))
    there.delete()
    until(lambda: here.value() is NOT_FOUND)
    for _ in range(50):
        here.get("count")
    until(lambda: there.stats().hits >= 50)
    assert here.stats() == there.stats()
    there.flush()
    until(lambda: here.value("count") is NOT_FOUND)
    watch.cancel()


def test_what_one_machine_revokes_the_other_refuses_before_it_looks_for_itself(
    channels: list[grpc.Channel], admin: Metadata
) -> None:
    here, there = channels
    users = user_pb2_grpc.UserServiceStub(there)

    def ends(name: str, metadata: Metadata, status: grpc.StatusCode) -> bool:
        request = user_pb2.GetUserRequest(name=name)
        return code(lambda: users.GetUser(request, metadata=metadata)) is status

    def soon(name: str, metadata: Metadata, status: grpc.StatusCode) -> None:
        # Each call may be answered by another worker: all of them have to know.
        for _ in range(5):
            until(lambda: ends(name, metadata, status), LONG_BEFORE_THE_INTERVAL_S)

    user_pb2_grpc.UserServiceStub(here).CreateUser(
        user_pb2.CreateUserRequest(user_id="bob", user={}, password=FIRST_PASSWORD),
        metadata=admin,
    )
    choose_password(there, "bob")
    bob = bearer(sign_in(here, "bob"))
    assert ends("users/bob", bob, OK)
    access = access_pb2_grpc.AccessServiceStub(here)
    binding = {"role": "roles/viewer", "members": ["users/bob"]}
    create = access_pb2.CreateBindingRequest(binding_id="b", binding=binding)
    access.CreateBinding(create, metadata=admin)
    soon("users/admin", bob, OK)
    access.DeleteBinding(access_pb2.DeleteBindingRequest(name="bindings/b"), metadata=admin)
    soon("users/admin", bob, grpc.StatusCode.PERMISSION_DENIED)
    auth_pb2_grpc.AuthServiceStub(here).SignOut(auth_pb2.SignOutRequest(), metadata=bob)
    soon("users/bob", bob, grpc.StatusCode.UNAUTHENTICATED)

    accounts = user_pb2_grpc.UserServiceStub(here)
    accounts.CreateServiceAccount(
        user_pb2.CreateServiceAccountRequest(service_account_id="robot", service_account={}),
        metadata=admin,
    )
    created = accounts.CreateApiKey(
        user_pb2.CreateApiKeyRequest(parent="serviceAccounts/robot", api_key={}), metadata=admin
    )
    exchange = auth_pb2.IssueServiceTokenRequest(api_key=created.key)
    issue = auth_pb2_grpc.AuthServiceStub(there).IssueServiceToken
    robot = bearer(issue(exchange).tokens.access_token)
    assert ends("users/admin", robot, grpc.StatusCode.PERMISSION_DENIED)
    accounts.DeleteApiKey(user_pb2.DeleteApiKeyRequest(name=created.api_key.name), metadata=admin)
    assert code(lambda: issue(exchange)) is grpc.StatusCode.UNAUTHENTICATED
    soon("users/admin", robot, grpc.StatusCode.UNAUTHENTICATED)


def test_without_redis_calls_end_with_the_right_code_and_go_on_with_it(
    servers: list[Server], clients: list[Client], redis_alone: RedisServer
) -> None:
    codes: set[object] = set()
    wrong: list[object] = []
    stop = threading.Event()
    here, there = clients

    def count(client: Client, key: str) -> None:
        last = 0
        while not stop.is_set():
            try:
                number = client.increment(key)
            except grpc.RpcError as error:
                codes.add(error.code())
                continue
            # What was counted before Redis ended may be gone, but nothing comes back.
            if number <= last and number > 1:
                wrong.append((last, number))
            last = number

    counting = [
        threading.Thread(target=count, args=(client, key))
        for client in clients
        for key in ("a", "b")
    ]
    for thread in counting:
        thread.start()
    try:
        redis_alone.pause()
        until(lambda: UNAVAILABLE in codes)
        redis_alone.resume()
        until(lambda: code(lambda: here.increment("c")) is OK)
        codes.clear()
        redis_alone.kill()
        until(lambda: UNAVAILABLE in codes)
        redis_alone.start()
        until(lambda: code(lambda: here.increment("c")) is OK)
        until(lambda: code(lambda: there.increment("c")) is OK)
    finally:
        stop.set()
        for thread in counting:
            thread.join()
    assert codes <= {UNAVAILABLE}
    for server in servers:
        server.wait_for("Redis is back", source="stderr")
        assert server.stop() == 0
        assert "Redis is away" in server.stderr
        assert "Traceback" not in server.stderr
        assert PASSWORD not in server.stderr


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://:hush@127.0.0.1:1", "Redis at 127.0.0.1:1: cannot be used"),
        ("http://:hush@127.0.0.1", "the Redis URL cannot be used: it has to begin with one of"),
    ],
)
def test_a_wrong_url_keeps_a_server_from_starting(tmp_path: Path, url: str, problem: str) -> None:
    for workers in ("1", "2"):
        environ = {"BLRCS_REDIS__URL": url, "BLRCS_CACHE__BACKEND": "redis"}
        run = blrcs("serve", "--port", "0", "--workers", workers, cwd=tmp_path, environ=environ)
        assert run.returncode == 1
        assert problem in run.stderr
        assert "hush" not in run.stderr
        assert "Traceback" not in run.stderr


def test_the_backend_needs_a_url(tmp_path: Path) -> None:
    run = blrcs("serve", cwd=tmp_path, environ={"BLRCS_CACHE__BACKEND": "redis"})
    assert run.returncode == 1
    assert "its backend is redis, but redis.url is not given" in run.stderr
