"""Attempts to take all of a server: others, and above all administrators, are served on."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Self

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from blrcs.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import World, collection, world
from tests.e2e.workers import PASSWORD, TIMEOUT_S, until
from tests.transports import TRANSPORTS

MAX_CALLS = 16
NORMAL_CALLS = 15
"""What calls of normal priority may use of that."""
STREAMS_OF_A_CONNECTION = MAX_CALLS // 4
SHARE = 3


@pytest.fixture(scope="module", params=TRANSPORTS)
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A server with little room, in which nobody may take more than a part."""
    directory = tmp_path_factory.mktemp("crowded")
    with world(
        directory,
        request.param,
        BLRCS_SERVER__MAX_CONCURRENT_CALLS=str(MAX_CALLS),
        BLRCS_OVERLOAD__MAX_CALLS_PER_PRINCIPAL=str(SHARE),
    ) as started:
        yield started


@pytest.fixture(scope="module", params=TRANSPORTS)
def taken(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A server all of whose normal places are held by streams of a stranger without a token."""
    directory = tmp_path_factory.mktemp("taken")
    environ = {
        "BLRCS_SERVER__MAX_CONCURRENT_CALLS": str(MAX_CALLS),
        "BLRCS_SERVER__REFLECTION": "on",
    }
    with world(directory, request.param, **environ) as started, Crowd(started) as crowd:
        held = crowd.hold_reflection_streams(2 * NORMAL_CALLS)
        assert [each for each in held if each] == ["OVERLOADED"] * (2 * NORMAL_CALLS - NORMAL_CALLS)
        yield started


class Crowd:
    """Streams over as many connections as they need, given up at the end of the block."""

    def __init__(self, world: World) -> None:
        self._address = world.server.address
        self._channels: list[grpc.Channel] = []
        self._streams: list[Any] = []
        self._left = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._left.set()
        for each in self._streams:
            each.cancel()
        for each in self._channels:
            each.close()
        self._streams, self._channels = [], []

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels.append(grpc.insecure_channel(self._address, options))
        return self._channels[-1]

    def hold_health_streams(self, count: int) -> list[str]:
        """The reasons for which they were refused, empty where they are held."""
        reasons = []
        for number in range(count):
            if number % STREAMS_OF_A_CONNECTION == 0:
                stub = health_pb2_grpc.HealthStub(self.channel())
            stream = stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
            reasons.append(self._held(stream))
        return reasons

    def hold_reflection_streams(self, count: int) -> list[str]:
        """Likewise, of calls that are no watches: their client never says that it is done."""
        reasons = []
        for number in range(count):
            if number % STREAMS_OF_A_CONNECTION == 0:
                stub = reflection_pb2_grpc.ServerReflectionStub(self.channel())
            stream = stub.ServerReflectionInfo(self._endless(), timeout=TIMEOUT_S)
            reasons.append(self._held(stream))
        return reasons

    def _endless(self) -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        self._left.wait()

    def watch_records(self, user: str, metadata: Any, count: int) -> list[str]:
        """Likewise, of streams of a user's, each over a connection of its own."""
        request = record_pb2.WatchRecordsRequest(parent=collection(user))
        reasons = []
        for _ in range(count):
            stub = record_pb2_grpc.RecordServiceStub(self.channel())
            reasons.append(self._held(stub.WatchRecords(request, metadata=metadata)))
        return reasons

    def _held(self, stream: Any) -> str:
        try:
            next(stream)
        except grpc.RpcError as error:
            return _reason(error)
        self._streams.append(stream)
        return ""


def _details(error: grpc.RpcError) -> Sequence[Any]:
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    return status_pb2.Status.FromString(packed).details


def _reason(error: grpc.RpcError) -> str:
    info = error_details_pb2.ErrorInfo()
    assert _details(error)[0].Unpack(info)
    return info.reason


def _list_records(world: World, metadata: Any) -> None:
    record_pb2_grpc.RecordServiceStub(world.channel).ListRecords(
        record_pb2.ListRecordsRequest(parent=collection("alice")),
        metadata=metadata,
        timeout=TIMEOUT_S,
    )


def test_who_has_no_place_is_told_when_to_come_again_and_nothing_else(taken: World) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        _list_records(taken, taken.alice)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    retry = error_details_pb2.RetryInfo()
    assert _details(refused.value)[1].Unpack(retry)
    assert 0 < retry.retry_delay.ToMilliseconds() < 1_000
    assert len(_details(refused.value)) == 2


def test_an_administrator_can_act_and_health_is_answered(taken: World) -> None:
    users = user_pb2_grpc.UserServiceStub(taken.channel)
    health = health_pb2_grpc.HealthStub(taken.channel)
    for _ in range(MAX_CALLS):
        users.ListUsers(user_pb2.ListUsersRequest(), metadata=taken.admin, timeout=TIMEOUT_S)
        reply = health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError):
        _list_records(taken, taken.alice)


def test_an_administrator_can_sign_in(taken: World) -> None:
    request = auth_pb2.SignInRequest(user_id="admin", password=PASSWORD)
    reply = auth_pb2_grpc.AuthServiceStub(taken.channel).SignIn(request, timeout=TIMEOUT_S)
    assert reply.tokens.access_token


def test_what_is_kept_for_administrators_is_not_for_others_to_take(taken: World) -> None:
    for metadata in ((), taken.mallory):
        code, *_ = taken.call("/blrcs.v1.UserService/ListUsers", b"", metadata)
        assert code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


def test_one_principal_has_its_share_over_all_its_connections(crowded: World) -> None:
    with Crowd(crowded) as crowd:
        reasons = crowd.watch_records("mallory", crowded.mallory, 2 * SHARE)
        assert reasons == [""] * SHARE + ["TOO_MANY_OWN_CALLS"] * SHARE
        assert crowd.watch_records("alice", crowded.alice, 1) == [""]
        _list_records(crowded, crowded.alice)


def test_an_address_without_a_token_has_its_share(crowded: World) -> None:
    with Crowd(crowded) as crowd:
        reasons = crowd.hold_health_streams(2 * SHARE)
        assert reasons == [""] * SHARE + ["TOO_MANY_OWN_CALLS"] * SHARE
        _list_records(crowded, crowded.alice)


def test_streams_that_are_given_up_leave_nothing_taken(crowded: World) -> None:
    for _ in range(5):
        with Crowd(crowded) as crowd:
            for _ in itertools.repeat(None, SHARE):
                # The server hears of what was given up before a moment later.
                until(
                    lambda crowd=crowd: crowd.watch_records("mallory", crowded.mallory, 1) == [""]
                )
