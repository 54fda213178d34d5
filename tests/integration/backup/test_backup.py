"""Backups of each database, taken into each."""

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.file import opened
from blrcs.database.backup.restore import restore_backup
from blrcs.database.backup.write import write_backup
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import BLRCS, Branch, named_branch
from blrcs.database.migrations.running import move
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.statement import Statement
from blrcs.database.tables import (
    metadata,
    record_index,
    records,
    revocations,
    sessions,
    settings,
    users,
)
from tests.conftest import DATABASES, new_database

ORDERS = named_branch(
    "orders", Path(__file__).parents[2] / "conformance" / "database" / "migrations_of_orders"
)
BRANCHES = (BLRCS, ORDERS)
HARD_TEXTS = ["", " ", "'; DROP TABLE users; --", "caf\u00e9 \U0001f600", "a\nb\tc", "x" * 70_000]
USERS = 1200
orders = sa.table("orders", sa.column("id"), sa.column("total"), sa.column("customer"))
ADD_ORDER = Statement(sa.insert(orders))
ADD_SETTING = Statement(sa.insert(settings))
ADD_REVOCATION = Statement(sa.insert(revocations))
SETTINGS = Statement(sa.select(sa.func.count().label("count")).select_from(settings))
EVERYTHING = {
    table.name: Statement(sa.select(table).order_by(*table.primary_key))
    for table in metadata.sorted_tables
}
Change = dict[str, Any]


def user(number: int) -> Change:
    return {
        "id": f"user{number:05}",
        "display_name": HARD_TEXTS[number % len(HARD_TEXTS)],
        "email": "",
        "password_hash": "hash",
        "password_set_at_ns": 2**63 - 1 - number,
        "password_change_required": number % 2 == 0,
        "disabled": False,
        "created_at_ns": 0,
        "updated_at_ns": -1,
        "revision": 1,
    }


def session(number: int) -> Change:
    times = ("created_at_ns", "refreshed_at_ns", "expires_at_ns", "ends_at_ns")
    return {
        "id": f"{number}",
        "user_id": f"user{number:05}",
        "display_name": "",
        "address": "",
        "level": 1,
        "methods": None,
        "authenticated_at_ns": None,
        "binding": None,
        **dict.fromkeys(times, number),
    }


async def fill_users(database: DatabaseAdapter) -> None:
    await database.execute_many(Statement(sa.insert(users)), [user(each) for each in range(USERS)])


async def fill(database: DatabaseAdapter) -> None:
    await fill_users(database)
    await database.execute_many(
        Statement(sa.insert(sessions)), [session(each) for each in range(3)]
    )
    await database.execute(ADD_SETTING, key="k", value=bytes(range(256)))


async def fill_records(database: DatabaseAdapter) -> None:
    place = {"tenant": "t", "collection": "c", "record_id": "r"}
    await database.execute(
        Statement(sa.insert(records)),
        **place,
        document='{"b": 1,  "a": -0.0, "c": "\u00e9\\u0000"}',
        encoded=b"\0",
        sealed=None,
        revision=1,
        create_time_ns=1,
        update_time_ns=1,
        expire_time_ns=None,
        change_sequence=1,
    )
    numbers = [0.1, -0.0, 1e300, 5e-324, 3.0, None]
    rows = [
        {**place, "path_id": number, "text_value": None, "number_value": value}
        for number, value in enumerate(numbers)
    ]
    await database.execute_many(Statement(sa.insert(record_index)), rows)


async def everything(url: str) -> dict[str, list]:
    async with open_database(url, migrate=False) as (database, _):
        return {name: await database.fetch_all(each) for name, each in EVERYTHING.items()}


@pytest.fixture
def more(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Makes further databases."""
    return partial(new_database, request=request, folder=tmp_path)


@pytest.fixture
async def full_url(empty_url: str) -> str:
    """A database with something in it, at the heads of both branches."""
    await bring_up_to_date(kind_of(empty_url).road(empty_url), BRANCHES)
    async with open_database(empty_url, migrate=False) as (database, _):
        await fill(database)
        await fill_records(database)
        await database.execute(ADD_ORDER, id="1", total=3, customer=None)
    return empty_url


async def test_a_backup_is_taken_into_every_kind_of_database(
    full_url: str, more: Any, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    written = await write_backup(full_url, path, version="1")
    assert written["users"].rows == USERS
    assert written["orders"].rows == 1
    before = await everything(full_url)
    for kind in DATABASES:
        target = more(kind)
        assert await restore_backup(target, path, BRANCHES) == written
        assert await everything(target) == before
        again = tmp_path / f"backup of {kind}"
        assert await write_backup(target, again, version="1") == written


async def test_a_backup_is_of_one_moment_while_others_write(empty_url: str, tmp_path: Path) -> None:
    """Each transaction adds one row to both tables."""
    await bring_up_to_date(kind_of(empty_url).road(empty_url))
    numbers = itertools.count()

    async def write(database: DatabaseAdapter) -> None:
        while True:
            number = next(numbers)

            async def operation(transaction: Transaction, number: int = number) -> None:
                await transaction.execute(ADD_SETTING, key=f"{number}", value=b"v")
                await transaction.execute(
                    ADD_REVOCATION,
                    id=f"{number}",
                    kind="",
                    revoked_at_ns=1,
                    expires_at_ns=1,
                    name=None,
                    found_at_ns=None,
                )

            await database.run(operation)
            await asyncio.sleep(0)

    async with open_database(empty_url, migrate=False) as (database, _):
        await fill(database)
        writer = asyncio.create_task(write(database))
        while (await database.fetch_one(SETTINGS)).count < 20:
            assert not writer.done()
            await asyncio.sleep(0)
        found = []
        for number in range(3):
            tallies = await write_backup(empty_url, tmp_path / f"{number}", version="1")
            assert tallies["settings"].rows == tallies["revocations"].rows + 1
            found.append(tallies["settings"].rows)
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        assert 20 <= found[0] < found[-1] <= (await database.fetch_one(SETTINGS)).count


async def test_a_database_that_is_not_empty_is_left_alone_or_replaced(
    full_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    written = await write_backup(full_url, path, version="1")
    before = await everything(full_url)
    with pytest.raises(BackupError, match="is not empty"):
        await restore_backup(full_url, path, BRANCHES)
    assert await everything(full_url) == before
    async with open_database(full_url, migrate=False) as (database, _):
        await database.execute(ADD_SETTING, key="later", value=b"v")
    assert await restore_backup(full_url, path, BRANCHES, force=True) == written
    assert await everything(full_url) == before


@pytest.fixture
def damages(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "damaged"


async def test_a_file_that_is_not_whole_changes_nothing(
    full_url: str, tmp_path: Path, damages: Path
) -> None:
    path = tmp_path / "backup"
    await write_backup(full_url, path, version="1")
    whole = path.read_bytes()
    before = await everything(full_url)
    for octets in (whole[: len(whole) // 2], whole[:-1], whole[:40] + b"\xff" + whole[41:]):
        damages.write_bytes(octets)  # noqa: ASYNC240
        with pytest.raises(BackupError):
            await restore_backup(full_url, damages, BRANCHES, force=True)
    assert await everything(full_url) == before


async def test_a_database_that_refuses_a_row_keeps_what_it_had(
    full_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    await write_backup(full_url, path, version="1")
    before = await everything(full_url)
    monkeypatch.setattr(
        "blrcs.database.backup.restore.from_line", lambda _: [None] * len(users.columns)
    )
    with pytest.raises(BackupError, match="cannot take the rows in"):
        await restore_backup(full_url, path, BRANCHES, force=True)
    assert await everything(full_url) == before


async def test_a_database_that_gives_back_something_else_keeps_what_it_had(
    full_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    await write_backup(full_url, path, version="1")
    before = await everything(full_url)
    monkeypatch.setattr("blrcs.database.backup.restore.to_line", lambda _: b"[]")
    with pytest.raises(BackupError, match="does not give back what was put in"):
        await restore_backup(full_url, path, BRANCHES, force=True)
    assert await everything(full_url) == before


async def test_a_backup_of_an_older_schema_is_migrated(
    empty_url: str, more: Any, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    road = kind_of(empty_url).road(empty_url)
    await road.run(partial(move, place="here", branch=BLRCS, target="0001"))
    async with open_database(empty_url, migrate=False) as (database, _):
        await fill_users(database)
    await write_backup(empty_url, path, version="1")
    target = more(DATABASES[0])
    await bring_up_to_date(kind_of(target).road(target))
    await restore_backup(target, path)
    assert await kind_of(target).road(target).stored(["alembic_version"]) == [BLRCS.head]
    assert len((await everything(target))["users"]) == USERS


async def test_what_cannot_be_taken_in_is_told_before_anything_is_touched(
    full_url: str, more: Any, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    await write_backup(full_url, path, version="1")
    target = more(DATABASES[0])
    with pytest.raises(BackupError, match="branch 'orders', which is not declared"):
        await restore_backup(target, path, [BLRCS])
    older = tmp_path / "older"
    older.mkdir()
    (older / "0001.py").write_text((ORDERS.folder / "0001_orders.py").read_text())
    with pytest.raises(BackupError, match=r"newer version of orders \(schema '0002', known up to"):
        await restore_backup(target, path, [BLRCS, Branch("orders", older)])
    assert await kind_of(target).road(target).stored(["alembic_version"]) == [None]


async def test_a_database_without_tables_cannot_be_backed_up(
    empty_url: str, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="has no tables of ours"):
        await write_backup(empty_url, tmp_path / "backup", version="1")
    assert not (tmp_path / "backup").exists()


async def test_a_disk_that_gives_back_something_else_is_told(
    full_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "backup"
    path.write_text("before")
    monkeypatch.setattr("blrcs.database.backup.write.read_through", lambda *_: {})
    with pytest.raises(BackupError, match="does not give back"):
        await write_backup(full_url, path, version="1")
    assert path.read_text() == "before"


async def test_the_header_says_what_it_is_of(full_url: str, tmp_path: Path) -> None:
    await write_backup(full_url, tmp_path / "backup", version="1.2")
    with opened(tmp_path / "backup") as backup:
        assert backup.header.version == "1.2"
        assert backup.header.dialect == full_url.partition(":")[0]
        assert backup.header.revisions == {
            "alembic_version": BLRCS.head,
            "alembic_version_orders": ORDERS.head,
        }
