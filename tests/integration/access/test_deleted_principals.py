"""A deleted principal leaves nothing that a namesake could inherit."""

import pytest

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.group import Group
from blrcs.v1 import user_pb2
from tests.integration.identity.identity import Identity, call_of
from tests.unit.application.identity_fakes import FakeClock

ADMIN = call_of("users/admin")
VIEW = ("blrcs.users.get", "users/bob")


@pytest.fixture
def clock():
    return FakeClock()


def binding(name, *members):
    return Binding(
        name=f"bindings/{name}",
        role="roles/viewer",
        members=members,
        create_time_ns=1,
        update_time_ns=1,
    )


async def bind_alice(identity):
    """By name, beside another member, and through a group."""

    def operation(policy: AccessPolicy) -> AccessPolicy:
        group = Group(
            name="groups/devs", members=("users/alice",), create_time_ns=1, update_time_ns=1
        )
        policy = policy.with_group(group)
        policy = policy.with_binding(binding("alone", "users/alice"), now_ns=1)
        policy = policy.with_binding(binding("both", "users/alice", "users/bob"), now_ns=1)
        return policy.with_binding(binding("group", "groups/devs"), now_ns=1)

    await identity.access.change(operation)


async def delete_alice(identity):
    await identity.user.DeleteUser(user_pb2.DeleteUserRequest(name="users/alice"), ADMIN)


def allowed(identity, principal="users/alice"):
    return identity.access.current.table.check(principal, *VIEW)


async def test_a_namesake_inherits_nothing(store, clock):
    async with Identity.open(store, clock) as identity:
        await identity.add_user("alice")
        await bind_alice(identity)
        assert allowed(identity)
        await delete_alice(identity)
        await identity.add_user("alice")
        assert not allowed(identity)


async def test_others_keep_what_they_have(store, clock):
    async with Identity.open(store, clock) as identity:
        await identity.add_user("alice")
        await bind_alice(identity)
        await delete_alice(identity)
        policy = identity.access.policy
        assert set(policy.bindings) == {"bindings/both", "bindings/group"}
        assert policy.bindings["bindings/both"].members == ("users/bob",)
        assert policy.groups["groups/devs"].members == ()
        assert allowed(identity, "users/bob")


async def test_it_holds_after_a_restart(store, clock):
    async with Identity.open(store, clock) as identity:
        await identity.add_user("alice")
        await bind_alice(identity)
        await delete_alice(identity)
        epoch = identity.access.policy.epoch
    async with Identity.open(store, clock) as identity:
        identity.access.load()
        assert identity.access.policy.epoch == epoch
        assert not allowed(identity)
        assert allowed(identity, "users/bob")


async def test_a_deletion_that_is_refused_takes_nothing(store, clock):
    async with Identity.open(store, clock) as identity:
        await identity.add_user("alice")
        await bind_alice(identity)
        request = user_pb2.DeleteUserRequest(name="users/alice", etag="another")
        with pytest.raises(Exception, match="was changed"):
            await identity.user.DeleteUser(request, ADMIN)
        assert allowed(identity)


async def test_service_accounts_likewise(store, clock):
    async with Identity.open(store, clock) as identity:
        await identity.add_key("robot")
        name = "serviceAccounts/robot"
        await identity.access.change(
            lambda policy: policy.with_binding(binding("robot", name), now_ns=1)
        )
        assert allowed(identity, name)
        request = user_pb2.DeleteServiceAccountRequest(name=name)
        await identity.user.DeleteServiceAccount(request, ADMIN)
        assert not allowed(identity, name)
