"""Migrations of a database file."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blrcs.database.migrations.branch import BLRCS, VERSION_TABLE
from blrcs.database.sqlite.connection import check_integrity, connect
from blrcs.database.sqlite.errors import open_error

if TYPE_CHECKING:  # see MigrationRoad.stored
    import sqlalchemy as sa

Result = TypeVar("Result")

PATIENCE_MS = 600_000
"""How long a migrator waits for another one."""


class SqliteRoad:
    """The way to a file; a MigrationRoad.

    All migrations of one run are in one transaction: killed on the way, they change nothing. That
    transaction keeps others from writing, be they migrators or servers.
    """

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self.place = path

    async def stored(self, tables: Sequence[str]) -> list[str | None]:
        """See MigrationRoad. The file is checked, and not made where there is none."""
        if not self.place.exists():
            return [None] * len(tables)
        connection = connect(self.place)
        try:
            check_integrity(connection, self.place)
            return [stored_revision(connection, table) for table in tables]
        except sqlite3.Error as error:
            raise open_error(self.place, error) from error
        finally:
            connection.close()

    async def run(self, work: "Callable[[sa.Connection], Result]") -> Result:
        """See MigrationRoad."""
        return run(self.place, work)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrates our own tables to the head.

    Args:
        connection: To the file at ``path``; it has no transaction.
        path: The file.

    Raises:
        DatabaseTooNewError: The file is of a revision that this version does not know.
        DatabaseCorruptError: The file holds another program's tables.
        DatabaseOpenError: SQLite refused.
    """
    try:
        revision = stored_revision(connection)
    except sqlite3.Error as error:
        raise open_error(path, error) from error
    if revision != BLRCS.head:
        # Only here, so that a start with nothing to migrate does not pay for it.
        from blrcs.database.migrations.running import upgrade  # noqa: PLC0415

        run(path, partial(upgrade, place=path))


def stored_revision(connection: sqlite3.Connection, table: str = VERSION_TABLE) -> str | None:
    """The revision that the file is at; None before the first migration."""
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"
    if connection.execute(known, (table,)).fetchone() is None:
        return None
    row = connection.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608
    return None if row is None else str(row[0])


def run(path: Path, work: "Callable[[sa.Connection], Result]") -> Result:
    """Runs work in a transaction that waits for those of other writers."""
    import sqlalchemy as sa  # noqa: PLC0415 - see migrate

    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: connect(path, busy_timeout_ms=PATIENCE_MS),
        poolclass=sa.pool.NullPool,
    )
    # Python's sqlite3 begins no transaction before DDL; SQLite itself can roll DDL back.
    sa.event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            return work(connection)
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise open_error(path, error.orig) from error
        raise
