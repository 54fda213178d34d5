"""Brings a database file to this version's schema."""

import sqlite3
from pathlib import Path

from blrcs.database.sqlite.connection import connect
from blrcs.database.sqlite.errors import open_error

HEAD_REVISION = "0004"
"""The newest revision in migrations/versions. Stated here so that a start with nothing to migrate
need not import alembic."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrates to the head, in one transaction: a process killed on the way has changed nothing.

    The caller holds the data directory.

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
    if revision != HEAD_REVISION:
        _upgrade(path)


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """The revision that the file is at; None before the first migration."""
    known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(known).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _upgrade(path: Path) -> None:
    # Only here, so that a start with nothing to migrate does not pay for it.
    import sqlalchemy as sa  # noqa: PLC0415

    from blrcs.database.migrations.running import upgrade  # noqa: PLC0415

    engine = sa.create_engine(
        "sqlite://", creator=lambda: connect(path), poolclass=sa.pool.NullPool
    )
    # Python's sqlite3 begins no transaction before DDL; SQLite itself can roll DDL back.
    sa.event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            upgrade(connection, path)
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise open_error(path, error.orig) from error
        raise
