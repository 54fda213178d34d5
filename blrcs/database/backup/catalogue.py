"""The tables that a database has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from blrcs.database.migrations.branch import VERSION_TABLE
from blrcs.database.statement import Statement


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table as it is in a database.

    Attributes:
        name: Its name.
        columns: Their names; whether the database has a bool there.
        select: All rows.
        insert: Adds a row; values are passed by ``value_0`` and so on, in the order of the columns.
        delete: All rows.
        count: How many ``rows`` there are.
        advance: For each column that the database numbers: has it go on after what is there; for
            PostgreSQL, where that does not come by itself.
    """

    name: str
    columns: Mapping[str, bool]
    select: Statement
    insert: Statement
    delete: Statement
    count: Statement
    advance: tuple[Statement, ...]

    def params(self, row: list[Any], names: list[str]) -> dict[str, Any]:
        """What ``insert`` takes for a row of the columns named."""
        given = dict(zip(names, row, strict=True))
        return {
            f"value_{number}": _fitting(given[name], is_bool=is_bool)
            for number, (name, is_bool) in enumerate(self.columns.items())
        }


def read_catalogue(connection: sa.Connection) -> list[StoredTable]:
    """All tables but those of versions, those that are pointed at before those that point."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [
        _stored(table)
        for table in metadata.sorted_tables
        if not table.name.startswith(VERSION_TABLE)
    ]


def version_tables(connection: sa.Connection) -> list[str]:
    """The tables that keep the revisions of branches."""
    names = sa.inspect(connection).get_table_names()
    return sorted(name for name in names if name.startswith(VERSION_TABLE))


def revision_of(table: str) -> Statement:
    """What is in a version table."""
    return Statement(sa.select(sa.table(table, sa.column("version_num")).c.version_num))


def _stored(table: sa.Table) -> StoredTable:
    # Types are left out, so that values go and come as the driver has them.
    kept = [column for column in table.columns if column.computed is None]
    bare = sa.table(table.name, *(sa.column(column.name) for column in kept))
    columns = {column.name: isinstance(column.type, sa.Boolean) for column in kept}
    values: dict[str, Any] = {
        name: sa.bindparam(f"value_{number}") for number, name in enumerate(columns)
    }
    labelled = (column.label(f"value_{number}") for number, column in enumerate(bare.columns))
    return StoredTable(
        name=table.name,
        columns=columns,
        select=Statement(sa.select(*labelled)),
        insert=Statement(sa.insert(bare).values(values)),
        delete=Statement(sa.delete(bare)),
        count=Statement(sa.select(sa.func.count().label("rows")).select_from(bare)),
        advance=tuple(_advance(bare, column.name) for column in kept if _is_numbered(column)),
    )


def _is_numbered(column: sa.Column[Any]) -> bool:
    default = getattr(column.server_default, "arg", "")
    return column.identity is not None or str(default).startswith("nextval(")


def _advance(table: sa.TableClause, name: str) -> Statement:
    column = table.c[name]
    sequence = sa.func.pg_get_serial_sequence(sa.literal(table.name), sa.literal(name))
    most = sa.func.max(column)
    moved = sa.func.setval(sequence, sa.func.coalesce(most, 1), most.is_not(None))
    return Statement(sa.select(moved.label("moved")).select_from(table))


def _fitting(value: Any, *, is_bool: bool) -> Any:
    return bool(value) if is_bool and isinstance(value, int) else value
