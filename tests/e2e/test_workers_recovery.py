"""Whoever has the database gets in again while two workers serve."""

import re

import grpc

from blrcs.v1 import access_pb2, access_pb2_grpc, user_pb2, user_pb2_grpc
from tests.e2e.server import Server, blrcs
from tests.e2e.workers import (
    FIRST_PASSWORD,
    Metadata,
    bearer,
    code,
    sign_in,
    until,
)

NEW = "quartz sphinx vow"


def lists_users(channel: grpc.Channel, token: Metadata) -> grpc.StatusCode:
    users = user_pb2_grpc.UserServiceStub(channel)
    return code(lambda: users.ListUsers(user_pb2.ListUsersRequest(), metadata=token))


def until_listing_is(status: grpc.StatusCode, channel: grpc.Channel, token: Metadata) -> None:
    until(lambda: lists_users(channel, token) is status)


def test_who_is_denied_everything_is_let_in_by_all_workers_again(
    workers: Server, channels: list[grpc.Channel], admin: Metadata
) -> None:
    for channel in channels:
        assert lists_users(channel, admin) is grpc.StatusCode.OK
    # Of two administrators one may be denied everything.
    user_pb2_grpc.UserServiceStub(channels[0]).CreateUser(
        user_pb2.CreateUserRequest(user_id="bob", user={}, password=FIRST_PASSWORD), metadata=admin
    )
    access = access_pb2_grpc.AccessServiceStub(channels[0])
    bindings = {
        "second": {"role": "roles/administrator", "members": ["users/bob"]},
        "denied": {
            "role": "roles/administrator",
            "members": ["users/admin"],
            "effect": access_pb2.BINDING_EFFECT_DENY,
        },
    }
    for name, binding in bindings.items():
        access.CreateBinding(
            access_pb2.CreateBindingRequest(binding_id=name, binding=binding), metadata=admin
        )
    for channel in channels:
        assert lists_users(channel, admin) is grpc.StatusCode.PERMISSION_DENIED

    done = blrcs("admin", "recover", "--remove-denials", cwd=workers.directory)

    assert done.returncode == 0, done.stderr
    for channel in channels:
        until_listing_is(grpc.StatusCode.UNAUTHENTICATED, channel, admin)
    password = re.search(r"shown only now:\n\n    (\S+)\n", done.stdout)
    assert password is not None
    user_pb2_grpc.UserServiceStub(channels[0]).ChangePassword(
        user_pb2.ChangePasswordRequest(
            name="users/admin", old_password=password[1], new_password=NEW
        ),
        metadata=bearer(sign_in(channels[1], "admin", password[1])),
    )
    again = bearer(sign_in(channels[0], "admin", NEW))
    for channel in channels:
        until_listing_is(grpc.StatusCode.OK, channel, again)
