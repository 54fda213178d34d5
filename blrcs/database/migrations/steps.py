"""Steps of migrations that can be taken again where a process was killed on the way.

SQLite and PostgreSQL undo a migration that does not come to its end. MySQL commits every definition
by itself, so that there a step looks first whether it was taken before.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op


def create_table(name: str, *items: sa.schema.SchemaItem, long_rows: bool = False) -> None:
    """Makes a table, unless it is there; see ``blrcs.database.tables`` about long rows."""
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


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Adds a column to a table, unless it is there."""
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def create_index(name: str, table: str, columns: list[str]) -> None:
    """Makes an index, unless it is there."""
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_indexes(table)}
    if name not in there:
        op.create_index(name, table, columns)
