"""A database that is put back to an earlier epoch, under servers that know a later one."""

import asyncio

import pytest
import sqlalchemy as sa

from blrcs.database.repositories.access import SqlAccessRepository, load_policy
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import access_changes, bindings, groups, roles, settings
from blrcs.domain.binding import Binding
from blrcs.domain.role import Role
from blrcs.security.access_store import AccessStore

TABLES = (settings, access_changes, roles, groups, bindings)
ROLE = Role(name="roles/r", permissions=("o.read",), create_time_ns=1, update_time_ns=1)


def bind(user):
    binding = Binding(
        name=f"bindings/{user}",
        role=ROLE.name,
        members=(f"users/{user}",),
        create_time_ns=1,
        update_time_ns=1,
    )
    return lambda policy: policy.with_binding(binding, now_ns=1)


def allowed(store, *users):
    """Those of the users who are."""
    table = store.current.table
    return {user for user in users if table.check(f"users/{user}", "o.read", "orders")}


class Copy:
    """What a database had in its tables at one time."""

    def __init__(self, database, rows):
        self._database = database
        self._rows = rows

    @classmethod
    async def of(cls, database):
        rows = {each: await database.fetch_all(Statement(sa.select(each))) for each in TABLES}
        return cls(database, rows)

    async def put_back(self):
        async with self._database.transaction() as transaction:
            for table, rows in self._rows.items():
                await transaction.execute(Statement(sa.delete(table)))
                values = [{name: getattr(row, name) for name in table.c.keys()} for row in rows]  # noqa: SIM118 - of columns
                if values:
                    await transaction.execute_many(insert_into(table), values)


@pytest.fixture
async def opened(store):
    async with store.open() as opened:
        yield opened


@pytest.fixture
def database(opened):
    return opened[0]


@pytest.fixture
def repository(opened):
    return SqlAccessRepository(*opened)


@pytest.fixture
def machines(repository):
    return [AccessStore(repository, clock=lambda: 1) for _ in range(2)]


@pytest.fixture
async def copy(database, machines):
    """Of a time at which nobody was bound but ``old``; both machines know a later one."""
    one, other = machines
    await one.change(lambda policy: policy.with_role(ROLE))
    await one.change(bind("old"))
    copy = await Copy.of(database)
    await one.change(bind("lost"))
    await one.change(bind("lost-too"))
    await other.follow()
    assert allowed(other, "old", "lost", "lost-too") == {"old", "lost", "lost-too"}
    return copy


async def look(store):
    await store.follow()


async def load(store):
    store.load()


async def change(store):
    await store.change(bind("own"))


@pytest.mark.parametrize("way", [look, load, change])
@pytest.mark.parametrize("changes", [0, 1, 2, 3, 6])
async def test_nothing_stays_in_force_that_the_database_no_longer_has(
    repository, machines, copy, way, changes
):
    behind, _ = machines
    await copy.put_back()
    restarted = AccessStore(repository, clock=lambda: 1)
    restarted.load()
    for number in range(changes):
        await restarted.change(bind(f"new-{number}"))
    await way(behind)
    assert behind.policy == repository.load()
    assert behind.policy.epoch == 2 + changes + (way is change)
    new = {f"new-{number}" for number in range(changes)}
    assert allowed(behind, "old", "lost", "lost-too", *new) == {"old", *new}


async def test_a_change_is_made_of_what_is_stored_and_not_of_what_was_lost(
    repository, machines, copy
):
    """Or who lost a role with the database could go on to give it."""
    behind, _ = machines
    await copy.put_back()
    for number in range(3):
        await repository.change(bind(f"new-{number}"), lambda _: None)
    seen = []

    def operation(policy):
        seen.append(policy)
        return bind("own")(policy)

    await behind.change(operation)
    assert {*seen[-1].bindings} == {
        f"bindings/{each}" for each in ("old", "new-0", "new-1", "new-2")
    }


async def test_what_goes_on_after_is_read_in_parts_again(repository, machines, copy):
    await copy.put_back()
    behind, _ = machines
    await behind.follow()
    before = behind.policy
    await repository.change(bind("new"), lambda _: None)
    await behind.follow()
    assert behind.policy.epoch == before.epoch + 1
    assert behind.policy.roles[ROLE.name] is before.roles[ROLE.name]
    assert behind.policy.bindings["bindings/old"] is before.bindings["bindings/old"]


async def test_epochs_that_a_version_before_stamps_has_moved_are_news(
    database, repository, machines, copy
):
    del copy
    behind, _ = machines
    statement = (
        sa.update(settings)
        .where(settings.c.key == "access_epoch")
        .values(value=sa.bindparam("number"))
    )
    await database.execute(Statement(statement), number=(5).to_bytes(8, "big"))
    await database.execute(Statement(sa.delete(bindings)))
    await behind.follow()
    assert behind.policy.epoch == 5
    assert not behind.policy.bindings
    assert await repository.other_than(behind.policy) is None


class HeldRepository(SqlAccessRepository):
    """Of which looks end when they are let."""

    def __init__(self, *opened):
        super().__init__(*opened)
        self.has_read = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def other_than(self, known):
        found = await super().other_than(known)
        self.has_read.set()
        await self.goes_on.wait()
        return found


async def test_a_look_that_ends_late_takes_nothing_back(opened, repository):
    held = HeldRepository(*opened)
    store = AccessStore(held, clock=lambda: 1)
    await repository.change(lambda policy: policy.with_role(ROLE), lambda _: None)
    looking = asyncio.create_task(store.follow())
    await held.has_read.wait()
    await store.change(bind("new"))
    held.goes_on.set()
    await looking
    assert allowed(store, "new") == {"new"}
    assert store.policy == repository.load()


class OvertakenRepository(SqlAccessRepository):
    """Whose change is answered when others have done what they do."""

    def __init__(self, *opened, meanwhile):
        super().__init__(*opened)
        self._meanwhile = meanwhile

    async def change(self, operation, check, known=None, **options):
        changed = await super().change(operation, check, known, **options)
        await self._meanwhile()
        return changed


async def test_a_change_that_was_overtaken_takes_nothing_back(opened, repository):
    async def meanwhile():
        await repository.change(bind("later"), lambda _: None)
        store.load()

    store = AccessStore(OvertakenRepository(*opened, meanwhile=meanwhile), clock=lambda: 1)
    await store.change(lambda policy: policy.with_role(ROLE))
    assert allowed(store, "later") == {"later"}
    assert store.policy == repository.load()


async def test_a_change_that_is_lost_before_it_is_answered_is_not_in_force(
    opened, repository, copy
):
    async def meanwhile():
        await copy.put_back()
        store.load()

    store = AccessStore(OvertakenRepository(*opened, meanwhile=meanwhile), clock=lambda: 1)
    store.load()
    await store.change(bind("lost-too"))
    assert allowed(store, "old", "lost", "lost-too") == {"old"}
    assert store.policy == repository.load()


async def test_changes_at_once_are_all_in_force(machines, copy):
    del copy
    one, _ = machines
    users = [str(number) for number in range(5)]
    await asyncio.gather(*(one.change(bind(user)) for user in users))
    assert allowed(one, *users) == {*users}


async def test_a_policy_that_a_change_found_has_its_stamp(database, repository, copy):
    del copy
    kept = await repository.change(lambda policy: policy, lambda _: None)
    assert kept == await database.run(load_policy)
    assert repository.stores(kept)
