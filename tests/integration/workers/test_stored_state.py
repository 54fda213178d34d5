"""What one process stores, the others decide by from their next decision on."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.config.settings import Settings
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.limit_rule import SqlLimitRuleRepository
from blrcs.database.repositories.settings import get_or_make
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement
from blrcs.database.tables import settings
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import VIEWER
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.rule_book import RuleBook
from blrcs.security.access_store import AccessStore
from blrcs_native.generation import Generation
from blrcs_native.limiter import Limiter

SETTINGS = Statement(sa.select(settings.c.key))
ALICE = "users/alice"


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[list[SqliteAdapter]]:
    """One file, opened as two processes do."""
    path = tmp_path / "blrcs.db"
    async with AsyncExitStack() as stack:
        opened = [SqliteDatabase.open(path), SqliteDatabase.join(path)]
        yield [await stack.enter_async_context(SqliteAdapter(each, path)) for each in opened]


def access_stores(databases: list[SqliteAdapter]) -> list[AccessStore]:
    memory = bytearray(8)
    stores = [
        AccessStore(
            SqlAccessRepository(each, each.reader), clock=lambda: 1, generation=Generation(memory)
        )
        for each in databases
    ]
    for store in stores:
        store.load()
    return stores


def allowed(store: AccessStore) -> bool:
    return store.current.table.check(ALICE, "blrcs.users.get", "users/bob")


def with_binding(policy: AccessPolicy) -> AccessPolicy:
    binding = Binding(
        name="bindings/b", role=VIEWER, members=(ALICE,), create_time_ns=1, update_time_ns=1
    )
    return policy.with_binding(binding, now_ns=1)


def without_binding(policy: AccessPolicy) -> AccessPolicy:
    return policy.without("bindings/b", "", now_ns=1)


async def test_a_binding_holds_everywhere_at_once_and_so_does_its_end(
    databases: list[SqliteAdapter],
) -> None:
    one, other = access_stores(databases)
    assert not allowed(other)
    await one.change(with_binding)
    assert allowed(other)
    await other.change(without_binding)
    assert not allowed(one)
    assert not allowed(other)


async def test_policies_that_both_change_lose_nothing(databases: list[SqliteAdapter]) -> None:
    one, other = access_stores(databases)
    await one.change(with_binding)
    assert set(other.policy.bindings) == {"bindings/b"}
    assert one.policy.epoch == other.policy.epoch


RULE = LimitRule(id="team", domain="d", match=(LimitEntry("team"),), requests=2, period_ns=10**12)


async def test_a_limit_rule_holds_everywhere_at_once_and_so_does_its_end(
    databases: list[SqliteAdapter],
) -> None:
    memory = bytearray(8)
    limits = [NativeLimits(Limiter(64)) for _ in databases]
    one, other = [
        RuleBook(SqlLimitRuleRepository(database, database.reader), each, Generation(memory))
        for database, each in zip(databases, limits, strict=True)
    ]
    one.load(Settings())
    other.load(Settings())
    team = [(LimitEntry("team", "a"),)]

    async def limit() -> Any:
        (status,) = await limits[1].peek("d", team)
        return status.limit

    none = await limit()
    await one.add(RULE)
    assert await limit() == 2
    assert await other.get("team") == RULE
    await one.delete("team", etag="")
    assert await limit() == none
    assert await other.list_after("", 10) == []


async def test_writers_wait_for_each_other(databases: list[SqliteAdapter]) -> None:
    """Each commits in groups; neither is refused for the other's sake."""

    async def write(number: int, database: SqliteAdapter) -> None:
        for each in range(200):
            await get_or_make(database, f"{number}/{each}", lambda: b"x")

    writing = [
        write(10 * worker + number, database)
        for number, database in enumerate(databases)
        for worker in range(8)
    ]
    await asyncio.gather(*writing)
    for database in databases:
        assert await get_or_make(database, "70/199", lambda: b"other") == b"x"


async def test_what_is_read_together_is_of_one_moment(
    databases: list[SqliteAdapter], tmp_path: Path
) -> None:
    database, _ = databases
    with closing(sqlite3.connect(tmp_path / "blrcs.db")) as other:

        async def read(transaction: Transaction) -> tuple[int, int]:
            before = len(await transaction.fetch_all(SETTINGS))
            other.execute("INSERT INTO settings (key, value) VALUES ('k', x'00')")
            other.commit()
            return before, len(await transaction.fetch_all(SETTINGS))

        before, then = database.reader.run(read)
        assert before == then
        assert len(database.reader.fetch_all(SETTINGS)) == then + 1
