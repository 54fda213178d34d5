"""Adding a row, or changing what is there under its key."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from blrcs.database.statement import Construct, Statement

Changes = Callable[[Any], Mapping[str, Any]]
"""What becomes of the columns where the key is taken, given those of the row to be added."""


def upsert(table: sa.Table, *replaced: str) -> Statement:
    """A statement that takes all columns of a table.

    Args:
        table: One with a primary key.
        replaced: The columns that change where the key is taken; all others but the key if none is
            named.
    """
    keys = [column.name for column in table.primary_key]
    names = replaced or tuple(each.name for each in table.columns if each.name not in keys)
    return upsert_with(table, lambda added: {name: added[name] for name in names})


def upsert_with(table: sa.Table, changes: Changes) -> Statement:
    """Likewise, where the key is taken with any changes."""

    def construct(dialect: str) -> Construct:
        # A server has one database: the dialects of others, and of their drivers, stay unloaded.
        insert: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
        changed: sa.Insert
        if dialect == "mysql":
            changed = insert.on_duplicate_key_update(changes(insert.inserted))
        else:
            changed = insert.on_conflict_do_update(
                index_elements=list(table.primary_key), set_=changes(insert.excluded)
            )
        return changed

    return Statement(construct)
