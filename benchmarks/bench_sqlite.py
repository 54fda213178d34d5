"""Point reads and durable writes of one SQLite file, beside what is usual around SQLite.

Reads: one user by id, from ten thousand. Writes: one small row for each operation, every one of
them durable (WAL, synchronous=FULL) before its caller goes on. The file lies beside this program,
since a temporary directory may be in memory, where syncing costs nothing.
"""

import asyncio
import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import settings, users

USERS = 10_000
GROUP = 100
READ_ID = "user-5000"

ADD_USER = Statement(sa.insert(users))
SELECT_USER = sa.select(users).where(users.c.id == sa.bindparam("key"))
GET_USER = Statement(SELECT_USER)
ADD_SETTING = Statement(sa.insert(settings))


def user(number: int) -> dict[str, Any]:
    return {
        "id": f"user-{number}",
        "display_name": f"User {number}",
        "email": f"user-{number}@example.com",
        "password_hash": "x" * 97,
        "password_set_at_ns": 1,
        "password_change_required": False,
        "disabled": False,
        "created_at_ns": 1,
        "updated_at_ns": 1,
        "revision": 1,
    }


def fill(transaction: Transaction) -> None:
    for number in range(USERS):
        transaction.execute(ADD_USER, **user(number))


def connect(path: Path) -> sqlite3.Connection:
    """What one gets by hand, with the same durability."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def repeat(operation: Callable[[], object]) -> Loop:
    """Runs an operation so many times; the cost of the loop is the same for all."""

    def loop(count: int) -> None:
        for _ in range(count):
            operation()

    return loop


def reads(
    database: SqliteDatabase, direct: sqlite3.Connection, engine: sa.Engine
) -> dict[str, Loop]:
    sql = GET_USER.sql
    connection = engine.connect()

    def by_hand() -> tuple[Any, ...] | None:
        return direct.execute(sql, {"key": READ_ID}).fetchone()

    def by_core() -> Any:
        return connection.execute(SELECT_USER, {"key": READ_ID}).fetchone()

    def ours() -> Any:
        return database.fetch_one(GET_USER, key=READ_ID)

    if not (tuple(by_hand() or ()) == tuple(by_core()) == tuple(ours()) != ()):
        raise SystemExit("the reads differ")
    return {
        "read: fetch_one": repeat(ours),
        "read: sqlite3, a bare tuple": repeat(by_hand),
        "read: SQLAlchemy Core, held connection": repeat(by_core),
    }


def writes(
    database: SqliteDatabase, direct: sqlite3.Connection, loop: asyncio.AbstractEventLoop
) -> dict[str, Loop]:
    numbers = itertools.count()

    def operation() -> Callable[[Transaction], int]:
        key = f"{next(numbers):012}"
        return lambda transaction: transaction.execute(ADD_SETTING, key=key, value=b"value")

    def by_hand() -> None:
        direct.execute(ADD_SETTING.sql, {"key": f"{next(numbers):012}", "value": b"value"})

    async def one_by_one(count: int) -> None:
        for _ in range(count):
            await database.write(operation())

    async def together(count: int) -> None:
        while count > 0:
            size = min(GROUP, count)
            await asyncio.gather(*(database.write(operation()) for _ in range(size)))
            count -= GROUP

    def run(body: Callable[[int], Coroutine[Any, Any, None]]) -> Loop:
        return lambda count: loop.run_until_complete(body(count))

    return {
        f"write: {GROUP} callers at once": run(together),
        "write: one caller": run(one_by_one),
        "write: sqlite3, one by one": repeat(by_hand),
    }


def run(rounds: int) -> Report:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".sqlite-") as directory:
        path = Path(directory) / "bench.db"
        loop = asyncio.new_event_loop()
        database = SqliteDatabase.open(path)
        loop.run_until_complete(database.write(fill))
        direct = connect(path)
        engine = sa.create_engine(f"sqlite:///{path}")
        subjects = reads(database, direct, engine) | writes(database, direct, loop)
        timings = measure(subjects, rounds=rounds)
        loop.run_until_complete(database.close())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        direct.close()
        engine.dispose()

    def ratio(above: str, below: str) -> float:
        return timings[above].median_ns / timings[below].median_ns

    return Report(
        title="SQLite: a point read, a durable row",
        timings=timings,
        claims=[
            Claim(
                "fetch_one, a checked and named row, over a bare tuple of sqlite3",
                ratio("read: fetch_one", "read: sqlite3, a bare tuple"),
            ),
            Claim(
                "SQLAlchemy Core over fetch_one",
                ratio("read: SQLAlchemy Core, held connection", "read: fetch_one"),
            ),
            Claim(
                f"a row written by sqlite3 one by one over one of {GROUP} callers at once",
                ratio("write: sqlite3, one by one", f"write: {GROUP} callers at once"),
            ),
        ],
        peers=versions("sqlalchemy") | {"sqlite": sqlite3.sqlite_version},
    )


if __name__ == "__main__":
    main(run)
