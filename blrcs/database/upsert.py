"""Adding a row, or replacing what is there under its key."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from blrcs.database.statement import Construct, Statement


def upsert(table: sa.Table, *replaced: str) -> Statement:
    """A statement that takes all columns of a table.

    Args:
        table: One with a primary key.
        replaced: The columns that change where the key is taken; all others but the key if none is
            named.
    """
    keys = [column.name for column in table.primary_key]
    names = replaced or tuple(each.name for each in table.columns if each.name not in keys)

    def construct(dialect: str) -> Construct:
        if dialect == "mysql":
            added = mysql.insert(table)
            return added.on_duplicate_key_update({name: added.inserted[name] for name in names})
        insert = (postgresql if dialect == "postgresql" else sqlite).insert(table)
        changed: sa.Insert = insert.on_conflict_do_update(
            index_elements=keys, set_={name: insert.excluded[name] for name in names}
        )
        return changed

    return Statement(construct)
