"""Steps of migrations that can be taken again where a process was killed on the way.

SQLite and PostgreSQL undo a migration that does not come to its end, but for steps that say that
they commit. MySQL commits every definition by itself, so that there a step looks first whether it
was taken before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

LOCK_TIMEOUT_S = 5

_STRICT_TYPES = {"INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"}


def create_table(name: str, *items: sa.schema.SchemaItem, long_rows: bool = False) -> None:
    """Makes a table, unless it is there; see ``blrcs.database.tables`` about long rows.

    Raises:
        TypeError: On SQLite, where the table is STRICT: a column has a type that those do not know,
            as none of ``blrcs.database.types`` is.
    """
    if op.get_context().dialect.name == "sqlite":
        for item in items:
            if isinstance(item, sa.Column):
                _require_strict_type(name, item)
    op.create_table(
        name,
        *items,
        if_not_exists=True,
        sqlite_strict=True,
        sqlite_with_rowid=long_rows,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )


def drop_table(name: str) -> None:
    """Drops a table with its indexes, unless it is gone."""
    op.drop_table(name, if_exists=True)


def create_index(
    name: str, table: str, columns: list[str], *, unique: bool = False, where: str | None = None
) -> None:
    """Makes an index, unless it is there; of some rows where the database has partial indexes."""
    if name not in _indexes(table):
        condition = None if where is None else sa.text(where)
        op.create_index(
            name,
            table,
            columns,
            unique=unique,
            sqlite_where=condition,
            postgresql_where=condition,
        )


def has_partial_indexes() -> bool:
    """Whether the database can have an index of some of a table's rows."""
    return op.get_context().dialect.name in ("sqlite", "postgresql")


def is_postgresql() -> bool:
    """Whether it is PostgreSQL, whose indexes end with what they name."""
    return op.get_context().dialect.name == "postgresql"


def exchange_index(made: str, dropped: str, table: str, columns: list[str]) -> None:
    """Puts an index of PostgreSQL into the place of another one, while others use the table.

    Where that has rows, what was done before is committed, and the index is built and the other one
    dropped outside of any transaction: neither reads nor writes wait for it, it waits for all
    transactions that have begun before. What one that was killed has left unfinished is dropped.
    """
    is_there = _is_valid(made)
    if is_there is None and not _is_only_written() and not _has_rows(table):
        with short_waits_for_locks():
            create_index(made, table, columns)
            drop_index(dropped, table)
        return
    with _outside_transaction():
        if is_there is False:
            op.drop_index(made, table, postgresql_concurrently=True)
        if not is_there:
            op.create_index(made, table, columns, postgresql_concurrently=True)
        op.drop_index(dropped, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def short_waits_for_locks() -> Iterator[None]:
    """Within it, PostgreSQL's migrations fail rather than wait long for who uses a table.

    Whoever comes after a statement that waits for a lock waits behind it, readers too.
    """
    op.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
    yield
    op.execute("SET LOCAL lock_timeout TO DEFAULT")


def drop_index(name: str, table: str) -> None:
    """Drops an index, unless it is gone."""
    if _is_only_written() or name in _indexes(table):
        op.drop_index(name, table)


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Adds a column, unless it is there.

    Raises:
        TypeError: See ``create_table``.
    """
    if column.name not in _columns(table):
        if _is_strict(table):
            _require_strict_type(table, column)
        op.add_column(table, column)


def drop_column(table: str, name: str) -> None:
    """Drops a column, unless it is gone."""
    if _is_only_written() or name in _columns(table):
        op.drop_column(table, name)


def delete_rows(table: str, condition: str, *columns: str) -> None:
    """Deletes rows by what a condition says of columns, unless one of these is gone already."""
    if _is_only_written() or _columns(table).issuperset(columns):
        op.execute(sa.delete(sa.table(table)).where(sa.text(condition)))


def update_rows(statement: sa.Update, table: str, *columns: str) -> None:
    """Changes rows by what columns of a table say, unless one of these is gone already."""
    if _is_only_written() or _columns(table).issuperset(columns):
        op.execute(statement)


def _require_strict_type(table: str, column: sa.Column[Any]) -> None:
    name = column.type.compile(dialect=op.get_context().dialect)
    if name not in _STRICT_TYPES:
        raise TypeError(
            f"{table}.{column.name} is {name}, which SQLite's strict tables do not know:"
            " take a type of blrcs.database.types"
        )


def _is_strict(table: str) -> bool:
    """Whether it is SQLite's, and STRICT; false where there is no database to ask."""
    if op.get_context().dialect.name != "sqlite" or _is_only_written():
        return False
    strict = sa.text(
        "SELECT strict FROM pragma_table_list"
        " WHERE schema = 'main' AND name = :table COLLATE NOCASE"
    )
    return bool(op.get_bind().execute(strict, {"table": table}).scalar())


def _is_only_written() -> bool:
    """Whether there is no database that could be asked."""
    return op.get_context().as_sql


@contextmanager
def _outside_transaction() -> Iterator[None]:
    """Commits what was done before; what comes after it is in a transaction again."""
    if _is_only_written():
        with op.get_context().autocommit_block():
            yield
        return
    # Alembic's own block hides what was raised in it where the connection is lost.
    connection = op.get_bind()
    connection.commit()
    connection.execution_options(isolation_level="AUTOCOMMIT")
    yield
    connection.commit()
    connection.execution_options(isolation_level=connection.default_isolation_level)


def _has_rows(table: str) -> bool:
    found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(sa.table(table)).limit(1)
    return op.get_bind().execute(found).first() is not None


def _is_valid(index: str) -> bool | None:
    """Whether PostgreSQL has built an index to its end; None where there is none."""
    if _is_only_written():
        return None
    valid = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:index)")
    found: bool | None = op.get_bind().execute(valid, {"index": index}).scalar()
    return found


def _indexes(table: str) -> set[str | None]:
    if _is_only_written():
        return set()
    return {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}


def _columns(table: str) -> set[str]:
    if _is_only_written():
        return set()
    return {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
