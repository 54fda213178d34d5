"""What one worker takes away while another gives, again and again: the taking holds."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import RECORD, VICTIM, World, collection
from tests.e2e.workers import (
    FIRST_PASSWORD,
    OPTIONS,
    PASSWORD,
    TIMEOUT_S,
    Metadata,
    bearer,
    channels_to_all,
    choose_password,
    code,
)

ROUNDS = 12
CALLERS = 8
OK = grpc.StatusCode.OK
DENIED = grpc.StatusCode.PERMISSION_DENIED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
GROUP, BINDING = "groups/raced", "bindings/raced"
RACER = "racer"


@pytest.fixture(autouse=True)
def racer(workers: World) -> Iterator[None]:
    """A user for a test alone, who has nothing."""
    users = user_pb2_grpc.UserServiceStub(workers.channel)
    users.CreateUser(
        user_pb2.CreateUserRequest(user_id=RACER, user={}, password=FIRST_PASSWORD),
        metadata=workers.admin,
    )
    choose_password(workers.channel, RACER)
    yield
    users.DeleteUser(user_pb2.DeleteUserRequest(name=f"users/{RACER}"), metadata=workers.admin)


@contextmanager
def both(world: World) -> Iterator[list[grpc.Channel]]:
    """A channel to each worker."""
    with channels_to_all(world.server, 2) as found:
        yield list(found.values())


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What they gave, begun at the same moment."""
    gate = threading.Barrier(len(calls))
    given: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        gate.wait()
        given[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def signed_in(channel: grpc.Channel, user: str = RACER) -> auth_pb2.Tokens:
    request = auth_pb2.SignInRequest(user_id=user, password=PASSWORD)
    reply: auth_pb2.SignInResponse = auth_pb2_grpc.AuthServiceStub(channel).SignIn(request)
    return reply.tokens


def refreshed(channel: grpc.Channel, token: str) -> auth_pb2.Tokens | None:
    request = auth_pb2.RefreshRequest(refresh_token=token)
    try:
        reply = auth_pb2_grpc.AuthServiceStub(channel).Refresh(request, timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        return refused(error)
    tokens: auth_pb2.Tokens = reply.tokens
    return tokens


def refused(error: grpc.RpcError) -> None:
    """For the one reason for which it may be."""
    if error.code() is not UNAUTHENTICATED:
        raise error


def use(channel: grpc.Channel, metadata: Metadata) -> grpc.StatusCode:
    """Of what everybody who is signed in may do, on the victim's record."""
    request = record_pb2.GetRecordRequest(name=f"{collection(VICTIM)}/records/{RECORD}")
    stub = record_pb2_grpc.RecordServiceStub(channel)
    return code(lambda: stub.GetRecord(request, metadata=metadata, timeout=TIMEOUT_S))


def test_no_refresh_outlives_the_end_of_its_session(workers: World) -> None:
    with both(workers) as channels:
        for _ in range(ROUNDS):
            tokens = signed_in(channels[0])
            own = bearer(tokens.access_token)
            auth = auth_pb2_grpc.AuthServiceStub(channels[1])
            renewed, ended = at_once(
                [
                    lambda: refreshed(channels[0], tokens.refresh_token),  # noqa: B023
                    lambda: code(
                        lambda: auth.SignOut(auth_pb2.SignOutRequest(), metadata=own)  # noqa: B023
                    ),
                ]
            )
            assert ended is OK
            given = [tokens] if renewed is None else [tokens, renewed]
            for channel in channels:
                for each in given:
                    assert use(channel, bearer(each.access_token)) is UNAUTHENTICATED
                    assert refreshed(channel, each.refresh_token) is None


def test_a_disabled_user_has_no_session_that_was_opened_meanwhile(workers: World) -> None:
    users = user_pb2_grpc.UserServiceStub(workers.channel)

    def disable(*, disabled: bool) -> grpc.StatusCode:
        request = user_pb2.UpdateUserRequest(
            user={"name": f"users/{RACER}", "disabled": disabled},
            update_mask={"paths": ["disabled"]},
        )
        return code(lambda: users.UpdateUser(request, metadata=workers.admin))

    def opened(channel: grpc.Channel) -> auth_pb2.Tokens | None:
        try:
            return signed_in(channel)
        except grpc.RpcError as error:
            return refused(error)

    with both(workers) as channels:
        for _ in range(ROUNDS // 3):
            before = signed_in(channels[0])
            calls = [lambda each=each: opened(each) for each in channels]
            calls.append(lambda: refreshed(channels[1], before.refresh_token))  # noqa: B023
            done, *given = at_once([lambda: disable(disabled=True), *calls])
            assert done is OK
            for tokens in filter(None, [before, *given]):
                for channel in channels:
                    assert use(channel, bearer(tokens.access_token)) is UNAUTHENTICATED
                    assert refreshed(channel, tokens.refresh_token) is None
            assert disable(disabled=False) is OK


def test_who_was_taken_out_of_a_group_is_out_whoever_is_put_in(workers: World) -> None:
    """Both write to one group at once, and one of them may have to try again."""
    access = access_pb2_grpc.AccessServiceStub(workers.channel)
    access.CreateGroup(
        access_pb2.CreateGroupRequest(group_id="raced", group={}), metadata=workers.admin
    )
    access.CreateBinding(
        access_pb2.CreateBindingRequest(
            binding_id="raced",
            binding={
                "role": "roles/records.viewer",
                "members": [GROUP],
                "resource": f"tenants/{VICTIM}",
            },
        ),
        metadata=workers.admin,
    )

    def set_members(channel: grpc.Channel, *members: str) -> grpc.StatusCode:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        request = access_pb2.UpdateGroupRequest(
            group={"name": GROUP, "members": members}, update_mask={"paths": ["members"]}
        )
        return code(lambda: stub.UpdateGroup(request, metadata=workers.admin))

    def bind(channel: grpc.Channel, resource: str) -> grpc.StatusCode:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        request = access_pb2.UpdateBindingRequest(
            binding={"name": BINDING, "resource": resource}, update_mask={"paths": ["resource"]}
        )
        return code(lambda: stub.UpdateBinding(request, metadata=workers.admin))

    try:
        with both(workers) as channels:
            racing = bearer(signed_in(channels[0]).access_token)
            for number in range(ROUNDS):
                here, there = channels[number % 2], channels[1 - number % 2]
                assert set_members(here, f"users/{RACER}") is OK
                assert {use(each, racing) for each in channels} == {OK}
                taken, bound = at_once(
                    [
                        lambda: set_members(here),  # noqa: B023
                        lambda: bind(there, f"tenants/{VICTIM}"),  # noqa: B023
                    ]
                )
                assert (taken, bound) == (OK, OK)
                assert {use(each, racing) for each in channels} == {DENIED}
    finally:
        access.DeleteBinding(access_pb2.DeleteBindingRequest(name=BINDING), metadata=workers.admin)
        access.DeleteGroup(access_pb2.DeleteGroupRequest(name=GROUP), metadata=workers.admin)


def test_of_many_changes_at_once_none_is_lost(workers: World) -> None:
    """Bindings that several workers make and take at once are those that were acknowledged."""

    def made(channel: grpc.Channel, binding_id: str) -> grpc.StatusCode:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        request = access_pb2.CreateBindingRequest(
            binding_id=binding_id,
            binding={
                "role": "roles/records.viewer",
                "members": [f"users/{RACER}"],
                "resource": f"tenants/{VICTIM}",
            },
        )
        return code(lambda: stub.CreateBinding(request, metadata=workers.admin))

    def taken(channel: grpc.Channel, binding_id: str) -> grpc.StatusCode:
        stub = access_pb2_grpc.AccessServiceStub(channel)
        request = access_pb2.DeleteBindingRequest(name=f"bindings/{binding_id}")
        return code(lambda: stub.DeleteBinding(request, metadata=workers.admin))

    names = [f"many{number}" for number in range(CALLERS)]
    with both(workers) as channels:
        racing = bearer(signed_in(channels[0]).access_token)
        extra = [grpc.insecure_channel(workers.server.address, OPTIONS) for _ in names]
        try:
            for _ in range(ROUNDS // 4):
                pairs = list(zip(extra, names, strict=True))
                answers = at_once([lambda pair=pair: made(*pair) for pair in pairs])
                assert set(answers) == {OK}
                assert {use(each, racing) for each in channels} == {OK}
                answers = at_once([lambda pair=pair: taken(*pair) for pair in pairs])
                assert set(answers) == {OK}
                assert {use(each, racing) for each in channels} == {DENIED}
        finally:
            for each in extra:
                each.close()
