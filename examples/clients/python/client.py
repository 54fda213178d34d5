"""Walks the road of a new user against a running server.

PASSWORD is what the server printed at its first start, or what it was changed to since;
NEW_PASSWORD replaces it where the server asks for that. ADDRESS is 127.0.0.1:50051 if not set.
"""
# ruff: noqa: T201 - what it prints is what it is for

import os
import secrets
import sys

import grpc
from errors import read_refusal
from google.protobuf.duration_pb2 import Duration

from blrcs.v1 import access_pb2 as access
from blrcs.v1 import auth_pb2 as auth
from blrcs.v1 import cache_pb2 as cache
from blrcs.v1 import limit_pb2 as limit
from blrcs.v1 import user_pb2 as user
from blrcs.v1.access_pb2_grpc import AccessServiceStub
from blrcs.v1.auth_pb2_grpc import AuthServiceStub
from blrcs.v1.cache_pb2_grpc import CacheServiceStub
from blrcs.v1.limit_pb2_grpc import LimitServiceStub
from blrcs.v1.user_pb2_grpc import UserServiceStub

Metadata = list[tuple[str, str]]

CALLS_AT_ONCE = 500


def bearer(tokens: auth.Tokens) -> Metadata:
    return [("authorization", f"Bearer {tokens.access_token}")]


def sign_in(channel: grpc.Channel, password: str, new_password: str) -> Metadata:
    """Signs in as admin; a one-time password is good for nothing but being changed."""
    service = AuthServiceStub(channel)
    reply = service.SignIn(auth.SignInRequest(user_id="admin", password=password))
    print("signed in:", reply.session.partition("/sessions/")[0])
    if not reply.password_change_required:
        return bearer(reply.tokens)
    UserServiceStub(channel).ChangePassword(
        user.ChangePasswordRequest(
            name="users/admin", old_password=password, new_password=new_password
        ),
        metadata=bearer(reply.tokens),
    )
    # The access token in hand still asks for the change: take another.
    refreshed = service.Refresh(auth.RefreshRequest(refresh_token=reply.tokens.refresh_token))
    print("changed the password")
    return bearer(refreshed.tokens)


def grant_access(channel: grpc.Channel, token: Metadata, run: str) -> None:
    """Creates a role and a user, gives the user the role, and asks what the user may do."""
    service = AccessServiceStub(channel)
    role = service.CreateRole(
        access.CreateRoleRequest(
            role_id=f"reader-{run}", role=access.Role(permissions=["documents.read"])
        ),
        metadata=token,
    )
    print("created", role.name)
    try:
        service.CreateRole(
            access.CreateRoleRequest(role_id=f"reader-{run}", role=role), metadata=token
        )
    except grpc.RpcError as error:
        print("refused:", read_refusal(error))
    alice = UserServiceStub(channel).CreateUser(
        user.CreateUserRequest(
            user_id=f"alice-{run}", user=user.User(), password=secrets.token_urlsafe()
        ),
        metadata=token,
    )
    print("created", alice.name)
    service.CreateBinding(
        access.CreateBindingRequest(
            binding=access.Binding(role=role.name, members=[alice.name], resource="documents")
        ),
        metadata=token,
    )
    for permission in ("documents.read", "documents.delete"):
        reply = service.Check(
            access.CheckRequest(
                principal=alice.name, permission=permission, resource="documents/7"
            ),
            metadata=token,
        )
        print(f"{permission} on documents/7:", "allowed" if reply.allowed else "denied")


def consume_limit(channel: grpc.Channel, token: Metadata, run: str) -> None:
    """Three exports a minute for each user: the fourth is refused, by an answer, not an error."""
    service = LimitServiceStub(channel)
    domain = f"exports-{run}"
    service.CreateLimitRule(
        limit.CreateLimitRuleRequest(
            limit_rule=limit.LimitRule(
                domain=domain,
                match=[limit.LimitEntry(key="user")],
                requests=3,
                period=Duration(seconds=60),
            )
        ),
        metadata=token,
    )
    request = limit.ConsumeRequest(
        domain=domain,
        descriptors=[limit.LimitDescriptor(entries=[limit.LimitEntry(key="user", value="alice")])],
    )
    while (reply := service.Consume(request, metadata=token)).allowed:
        print("consumed, remaining:", reply.statuses[0].remaining)
    print(f"used up, retry after {reply.retry_after.ToTimedelta().total_seconds():.0f} s")


def exceed_method_limit(channel: grpc.Channel) -> None:
    """GetJwks has a limit of its own in its policy; such a refusal is an error with RetryInfo."""
    method = AuthServiceStub(channel).GetJwks
    calls = [method.future(auth.GetJwksRequest()) for _ in range(CALLS_AT_ONCE)]
    errors = [call.exception() for call in calls]
    refused = [error for error in errors if isinstance(error, grpc.RpcError)]
    print("refused:", read_refusal(refused[0]) if refused else "none")


def use_cache(channel: grpc.Channel, token: Metadata, run: str) -> None:
    """Sets, gets and watches an entry; a version guards against overwriting what one never saw."""
    service = CacheServiceStub(channel)
    entry = {"namespace": f"greetings-{run}", "key": "hello"}
    first = service.Set(cache.SetRequest(**entry, value=b"world", if_absent=True), metadata=token)
    got = service.Get(cache.GetRequest(**entry), metadata=token).entry
    print("got:", got.value.decode())

    events = service.Watch(cache.WatchRequest(namespace=entry["namespace"]), metadata=token)
    next(events)  # STARTED: from here on no change is missed
    change = cache.SetRequest(**entry, value=b"moon", if_version=first.version)
    service.Set(change, metadata=token)
    event = next(events)
    print("watched:", cache.CacheEventType.Name(event.type), event.key)
    events.cancel()
    try:
        service.Set(change, metadata=token)
    except grpc.RpcError as error:
        print("refused:", read_refusal(error))


def main() -> None:
    run = secrets.token_hex(4)  # lets the program run as often as one likes
    with grpc.insecure_channel(os.environ.get("ADDRESS", "127.0.0.1:50051")) as channel:
        token = sign_in(channel, os.environ["PASSWORD"], os.environ.get("NEW_PASSWORD", ""))
        grant_access(channel, token, run)
        consume_limit(channel, token, run)
        exceed_method_limit(channel)
        use_cache(channel, token, run)


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(str(read_refusal(error)))
