"""What one worker was told, all of them go by from the next call on."""

import re
import signal

import grpc

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    cache_pb2,
    cache_pb2_grpc,
    limit_pb2,
    limit_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.e2e.server import Server
from tests.e2e.workers import (
    FIRST_PASSWORD,
    TIMEOUT_S,
    Metadata,
    bearer,
    channels_to_all,
    children,
    choose_password,
    code,
    kill,
    ping,
    sign_in,
)

ROUNDS = 5


def test_what_one_worker_was_told_all_go_by(channels: list[grpc.Channel], admin: Metadata) -> None:
    users = [user_pb2_grpc.UserServiceStub(channel) for channel in channels]
    bindings = [access_pb2_grpc.AccessServiceStub(channel) for channel in channels]
    limits = [limit_pb2_grpc.LimitServiceStub(channel) for channel in channels]
    sessions = [auth_pb2_grpc.AuthServiceStub(channel) for channel in channels]
    users[0].CreateUser(
        user_pb2.CreateUserRequest(user_id="bob", user={}, password=FIRST_PASSWORD),
        metadata=admin,
    )
    choose_password(channels[1], "bob")

    for each in range(ROUNDS):
        here, there = each % 2, 1 - each % 2

        # A session's end is the end of its tokens.
        bob = bearer(sign_in(channels[here], "bob"))
        get = user_pb2.GetUserRequest(name="users/bob")
        assert code(lambda: users[there].GetUser(get, metadata=bob)) is grpc.StatusCode.OK  # noqa: B023
        sessions[here].SignOut(auth_pb2.SignOutRequest(), metadata=bob)
        assert (
            code(lambda: users[there].GetUser(get, metadata=bob))  # noqa: B023
            is grpc.StatusCode.UNAUTHENTICATED
        )

        # So it is with what somebody may do.
        bob = bearer(sign_in(channels[here], "bob"))
        other = user_pb2.GetUserRequest(name="users/admin")
        read = lambda: users[there].GetUser(other, metadata=bob)  # noqa: B023, E731
        assert code(read) is grpc.StatusCode.PERMISSION_DENIED
        binding = {"role": "roles/viewer", "members": ["users/bob"]}
        bindings[here].CreateBinding(
            access_pb2.CreateBindingRequest(binding_id="b", binding=binding), metadata=admin
        )
        assert code(read) is grpc.StatusCode.OK
        bindings[here].DeleteBinding(
            access_pb2.DeleteBindingRequest(name="bindings/b"), metadata=admin
        )
        assert code(read) is grpc.StatusCode.PERMISSION_DENIED

        # And with how often.
        rule = {"domain": "d", "match": [{"key": "k"}], "requests": 2, "period": {"seconds": 3600}}
        limits[here].CreateLimitRule(
            limit_pb2.CreateLimitRuleRequest(limit_rule_id="r", limit_rule=rule), metadata=admin
        )
        consume = limit_pb2.ConsumeRequest(
            domain="d", descriptors=[{"entries": [{"key": "k", "value": str(each)}]}]
        )
        by_turns = [limits[turn].Consume(consume, metadata=admin).allowed for turn in (1, 0, 1, 0)]
        assert by_turns == [True, True, False, False]
        limits[here].DeleteLimitRule(
            limit_pb2.DeleteLimitRuleRequest(name="limitRules/r"), metadata=admin
        )
        assert limits[there].Consume(consume, metadata=admin).allowed


def test_metrics_are_those_of_all_workers_and_never_go_down(workers: Server) -> None:
    def calls() -> float:
        (line,) = re.findall(
            r'^grpc_server_handled_total\{.*grpc_code="OK",grpc_method="Ping".*\} (\S+)$',
            workers.metrics(),
            re.MULTILINE,
        ) or ["0"]
        return float(line)

    with channels_to_all(workers, 2) as channels:
        made = calls()
        for channel in channels.values():
            for _ in range(10):
                assert ping(channel)[0] is grpc.StatusCode.OK
        assert {calls() for _ in range(20)} == {made + 20}
        killed = next(iter(channels))
        kill(killed)
        workers.wait_for("worker started", source="stderr")
    assert {calls() for _ in range(20)} == {made + 20}
    with channels_to_all(workers, 2):
        assert calls() > made + 20


def test_the_cache_is_one_and_outlives_the_workers(
    workers: Server, channels: list[grpc.Channel], admin: Metadata
) -> None:
    one, other = map(cache_pb2_grpc.CacheServiceStub, channels)
    request = cache_pb2.SetRequest(namespace="n", key="k", value=b"v")
    get = cache_pb2.GetRequest(namespace="n", key="k")
    watching = other.Watch(cache_pb2.WatchRequest(namespace="n"), metadata=admin, timeout=TIMEOUT_S)
    assert next(watching).type == cache_pb2.CACHE_EVENT_TYPE_STARTED
    for number in range(ROUNDS):
        writer, reader = (one, other) if number % 2 else (other, one)
        request.value = str(number).encode()
        version = writer.Set(request, metadata=admin).version
        entry = reader.Get(get, metadata=admin).entry
        assert (entry.value, entry.version) == (request.value, version)
        assert next(watching).version == version
    watching.cancel()

    workers.signal(signal.SIGUSR2)
    workers.wait_for("workers replaced", source="stderr")
    with channels_to_all(workers, 2) as replaced:
        for channel in replaced.values():
            stub = cache_pb2_grpc.CacheServiceStub(channel)
            assert stub.Get(get, metadata=admin).entry == entry

        (keeper,) = set(children(workers.process_id)) - set(replaced)
        kill(keeper)
        workers.wait_for("keeper started", source="stderr")
        stub = cache_pb2_grpc.CacheServiceStub(channel)
        assert code(lambda: stub.Get(get, metadata=admin)) is grpc.StatusCode.NOT_FOUND
        assert stub.Set(request, metadata=admin).version > version
    assert workers.stop() == 0
    assert "Traceback" not in workers.stderr
