"""Of administrators, only users count who exist and are enabled."""

import asyncio
from dataclasses import replace

import pytest

from blrcs.application.ports.identity import UserChange
from blrcs.domain.errors import FailedPreconditionError
from blrcs.v1 import access_pb2
from tests.unit.application.identity_fakes import make_user


@pytest.fixture
async def guarded(access):
    """Administered by users/admin alone."""
    await access.users.add(make_user("admin"))
    await access.grant_administrator("users/admin")
    return access


async def refused(change):
    with pytest.raises(FailedPreconditionError) as caught:
        await change
    assert caught.value.reason == "LAST_ADMINISTRATOR"
    return caught.value.message


def set_disabled(access, user_id, value=True):
    return access.users.update(
        user_id, lambda user: UserChange(replace(user, disabled=value), ends_sessions=value)
    )


def bind(access, binding_id, *members, **fields):
    return access.bind(binding_id, "roles/administrator", *members, **fields)


async def test_one_who_does_not_exist_stands_in_for_nobody(guarded):
    await bind(guarded, "ghost", "users/ghost")

    said = await refused(guarded.delete("bindings/administrator"))
    dry_run = access_pb2.DryRunRequest(deleted=["bindings/administrator"])
    assert await refused(guarded.service.DryRun(dry_run, None)) == said
    await guarded.users.add(make_user("ghost"))
    await guarded.service.DryRun(dry_run, None)
    await guarded.delete("bindings/administrator")


async def test_one_who_is_disabled_stands_in_for_nobody(guarded):
    await guarded.users.add(make_user("alice"))
    await bind(guarded, "alice", "users/alice")
    await set_disabled(guarded, "admin")

    await refused(guarded.delete("bindings/alice"))
    await guarded.bind("tenant", "roles/viewer", "users/a", resource="tenants/acme")
    await refused(set_disabled(guarded, "alice"))
    await refused(guarded.users.delete("alice", etag=""))
    await set_disabled(guarded, "admin", value=False)
    await guarded.delete("bindings/alice")


async def test_the_last_one_is_neither_disabled_nor_deleted(guarded):
    epoch = guarded.epoch
    await refused(set_disabled(guarded, "admin"))
    await refused(guarded.users.delete("admin", etag=""))

    stored = await guarded.users.get("admin")
    assert not stored.disabled
    assert guarded.epoch == epoch
    assert await guarded.allowed("users/admin", "blrcs.users.get", "users/a")


async def test_the_last_one_by_a_group_is_kept_too(access):
    await access.users.add(make_user("alice"))
    await access.group("staff", "users/alice", "users/ghost", "serviceAccounts/robot")
    await bind(access, "staff", "groups/staff")

    await refused(access.users.delete("alice", etag=""))
    await refused(set_disabled(access, "alice"))
    await refused(access.update("groups/staff", "members", members=["users/ghost"]))


async def test_what_ends_stands_in_for_nothing_that_does_not(guarded, clock):
    await guarded.users.add(make_user("alice"))
    seconds = clock() // 10**9 + 60
    await bind(guarded, "alice", "users/alice", expire_time={"seconds": seconds})

    await refused(set_disabled(guarded, "admin"))
    await refused(guarded.users.delete("admin", etag=""))
    await guarded.users.delete("alice", etag="")


async def test_nobody_else_is_kept(guarded):
    await guarded.users.add(make_user("bob"))
    await guarded.users.add(make_user("alice"))
    await bind(guarded, "tenant", "users/bob", resource="tenants/acme")
    await bind(guarded, "alice", "users/alice")

    await set_disabled(guarded, "bob")
    await guarded.users.delete("bob", etag="")
    await set_disabled(guarded, "admin")
    await guarded.users.delete("admin", etag="")
    assert await guarded.allowed("users/alice", "blrcs.users.get", "users/a")


async def test_where_nobody_administers_nothing_is_refused(access):
    await access.users.add(make_user("alice"))
    await set_disabled(access, "alice")
    await bind(access, "a", "users/alice")
    await bind(access, "b", "users/ghost")

    await access.delete("bindings/a")
    await access.users.delete("alice", etag="")


async def test_of_two_who_are_disabled_at_once_one_stays(guarded):
    await guarded.users.add(make_user("alice"))
    await bind(guarded, "alice", "users/alice")

    done = await asyncio.gather(
        set_disabled(guarded, "admin"), set_disabled(guarded, "alice"), return_exceptions=True
    )

    assert sorted(isinstance(each, FailedPreconditionError) for each in done) == [False, True]


async def test_of_one_disabled_and_one_unbound_at_once_one_stays(guarded):
    await guarded.users.add(make_user("alice"))
    await bind(guarded, "alice", "users/alice")

    done = await asyncio.gather(
        set_disabled(guarded, "alice"),
        guarded.delete("bindings/administrator"),
        return_exceptions=True,
    )

    assert sorted(isinstance(each, FailedPreconditionError) for each in done) == [False, True]


async def test_of_one_deleted_and_one_unbound_at_once_one_stays(guarded):
    await guarded.users.add(make_user("alice"))
    await bind(guarded, "alice", "users/alice")

    done = await asyncio.gather(
        guarded.users.delete("alice", etag=""),
        guarded.delete("bindings/administrator"),
        return_exceptions=True,
    )

    assert sorted(isinstance(each, FailedPreconditionError) for each in done) == [False, True]
