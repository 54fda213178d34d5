"""Many rows into one table by few statements.

The driver binds each value and runs each row by itself; together that takes as long as what SQLite
does with a row. So rows go several to a statement, and what all of them have in common is bound
once.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain, repeat
from operator import is_
from typing import Any

import sqlalchemy as sa

from blrcs.database.sqlite.dialect import SQLITE

ROWS_AT_ONCE = (64, 32, 16, 8)
"""Few sizes, so that statements are prepared once; what is left over goes row by row."""
FEWEST_ROWS = 16
"""Fewer are bound sooner than looked through for what they have in common."""
KEPT_TEXTS = 256


def load_rows(
    connection: sqlite3.Connection, one: str, target: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Adds rows that have a value for each column of a target, in the order of its columns.

    Args:
        connection: Whose transaction it is.
        one: The statement that adds one row.
        target: As ``target_of`` says it.
        rows: At least one, all of the same length.

    Raises:
        sqlite3.IntegrityError: A row is there; some of those before it may have been added.
    """
    if len(rows) < FEWEST_ROWS:
        connection.executemany(one, rows)
        return
    columns = list(zip(*rows, strict=True))
    # By identity: what is equal may still be stored as something else.
    shared = tuple([all(map(is_, column, repeat(column[0]))) for column in columns])
    common = [column[0] for column, is_shared in zip(columns, shared, strict=True) if is_shared]
    own = list(
        zip(*[each for each, it in zip(columns, shared, strict=True) if not it], strict=True)
    )
    start = 0
    for size in ROWS_AT_ONCE:
        while own and len(rows) - start >= size:
            values = chain(common, chain.from_iterable(own[start : start + size]))
            connection.execute(_text(target, shared, size), tuple(values))
            start += size
    if start < len(rows):
        connection.executemany(one, rows[start:])


@cache
def target_of(table: sa.Table) -> str:
    """A table with its columns by name, since a later schema may have others beside them."""
    quoted = SQLITE.compiler.identifier_preparer
    columns = ", ".join(map(quoted.format_column, table.columns))
    return f"{quoted.format_table(table)} ({columns})"


@lru_cache(KEPT_TEXTS)
def _text(target: str, shared: tuple[bool, ...], count: int) -> str:
    """A statement that takes the shared values first, and then those of each row."""
    next_own = sum(shared) + 1
    rows = []
    for _ in range(count):
        next_shared, row = 1, []
        for is_shared in shared:
            row.append(f"?{next_shared if is_shared else next_own}")
            next_shared += is_shared
            next_own += not is_shared
        rows.append(f"({', '.join(row)})")
    return f"INSERT INTO {target} VALUES {', '.join(rows)}"  # noqa: S608 - a table of our own
