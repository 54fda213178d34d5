"""A policy that is known is read again as far as it has changed, and is then as if read whole."""

from dataclasses import replace

import pytest

from blrcs.database.repositories import access_changes
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.security.access_store import AccessStore

ACME = "tenants/acme"
HISTORY = {"create_time_ns": 1, "update_time_ns": 1}
ROLES = tuple(
    Role(name=f"{home}roles/r", permissions=("o.read",), **HISTORY) for home in ("", f"{ACME}/")
)
GROUP = Group(name=f"{ACME}/groups/g", members=("users/a",), **HISTORY)
BINDING = Binding(
    name="bindings/b", role=ROLES[1].name, members=(GROUP.name,), resource=ACME, **HISTORY
)


@pytest.fixture
async def repository(store):
    async with store.open() as (database, reader):
        repository = SqlAccessRepository(database, reader)
        for each in ROLES:
            await change(repository, lambda policy, each=each: policy.with_role(each))
        await change(repository, lambda policy: policy.with_group(GROUP))
        await change(repository, lambda policy: policy.with_binding(BINDING, now_ns=1))
        yield repository


async def change(repository, operation, known=None):
    return await repository.change(operation, lambda _: None, known)


def put(each):
    match each:
        case Role():
            return lambda policy: policy.with_role(each)
        case Group():
            return lambda policy: policy.with_group(each)
        case _:
            return lambda policy: policy.with_binding(each, now_ns=1)


def kept(old, new):
    """The names of what is the very object that it was."""
    return {
        name
        for kind in ("roles", "groups", "bindings")
        for name, each in getattr(old, kind).items()
        if getattr(new, kind).get(name) is each
    }


ALL = {each.name for each in (*ROLES, GROUP, BINDING)}


@pytest.mark.parametrize(
    "changed",
    [
        replace(ROLES[0], permissions=("o.write",)),
        replace(ROLES[1], permissions=("o.write",)),
        replace(GROUP, members=("users/b",)),
        replace(BINDING, resource=f"{ACME}/orders"),
        replace(GROUP, name="groups/new"),
    ],
    ids=lambda each: each.name,
)
async def test_what_has_changed_alone_is_read(repository, changed):
    known = repository.load()
    await change(repository, put(changed))
    found = repository.load(known)
    assert found == repository.load()
    assert kept(known, found) == ALL - {changed.name}
    assert await repository.other_than(known) == found
    assert await repository.other_than(found) is None
    assert repository.load(found) is found


async def test_what_was_deleted_since_is_gone(repository):
    known = repository.load()
    await change(repository, lambda policy: policy.without("bindings/b", "", now_ns=1))
    await change(repository, lambda policy: policy.without(GROUP.name, ""))
    await change(repository, put(replace(ROLES[0], display_name="renamed")))
    found = repository.load(known)
    assert found == repository.load()
    assert kept(known, found) == {ROLES[1].name}


async def test_a_change_is_made_of_what_is_stored_whatever_is_known(repository):
    behind = repository.load()
    await change(repository, put(replace(ROLES[0], display_name="first")))
    made = await change(repository, put(replace(ROLES[1], display_name="second")), behind)
    assert made == repository.load()
    assert [made.roles[each.name].display_name for each in ROLES] == ["first", "second"]
    assert made.epoch == behind.epoch + 2


async def test_what_was_not_noted_is_read_whole(repository, monkeypatch):
    known = repository.load()
    monkeypatch.setattr(access_changes, "MAX_NAMES", 0)
    await change(repository, put(replace(ROLES[0], display_name="more at once than is noted")))
    monkeypatch.undo()
    await change(repository, put(replace(ROLES[1], display_name="noted again")))
    found = repository.load(known)
    assert found == repository.load()
    assert kept(known, found) == set()


async def test_who_is_far_behind_reads_all(repository, monkeypatch):
    monkeypatch.setattr(access_changes, "KEPT_EPOCHS", 2)
    known = repository.load()
    for number in range(3):
        await change(repository, put(replace(ROLES[0], display_name=str(number))))
    found = repository.load(known)
    assert found == repository.load()
    assert kept(known, found) == set()
    monkeypatch.undo()
    assert kept(known, repository.load(known)) == set()  # what is older is not kept either


async def test_a_policy_of_another_time_line_is_not_gone_on_from(repository):
    ahead = replace(repository.load(), roles={}, epoch=1000)
    assert repository.load(ahead) == repository.load()


async def test_workers_that_change_by_turns_decide_alike(store):
    async with store.open() as (database, reader):
        stores = [
            AccessStore(SqlAccessRepository(database, reader), clock=lambda: 1) for _ in range(2)
        ]
        for each in (*ROLES, GROUP, BINDING):
            await stores[0].change(put(each))
        await stores[1].follow()
        for turn, member in enumerate(("users/b", "users/c", "users/d", "users/e")):
            one, other = stores[turn % 2], stores[1 - turn % 2]
            await one.change(put(replace(GROUP, members=(member,), revision=turn + 2)))
            await other.follow()
            for table in (one.current.table, other.current.table):
                assert table.check(member, "o.read", f"{ACME}/orders")
                assert not table.check("users/a", "o.read", f"{ACME}/orders")
                assert table.epoch == 5 + turn
        assert stores[0].policy == stores[1].policy != AccessPolicy()
