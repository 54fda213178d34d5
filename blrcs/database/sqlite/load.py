"""Many rows into one table by few statements.

The driver binds each value and runs each row by itself; together that takes as long as what SQLite
does with a row. So rows go several to a statement, and what all of them have in common is bound
once.
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, repeat
from operator import is_
from typing import Any

ROWS_AT_ONCE = (64, 32, 16, 8)
"""Few sizes, so that statements are prepared once; what is left over goes row by row."""
FEWEST_ROWS = 16
"""Fewer are bound sooner than looked through for what they have in common."""
KEPT_TEXTS = 256


def load_rows(
    connection: sqlite3.Connection, one: str, table: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Adds rows that have a value for each column of a table, in the order of its columns.

    Args:
        connection: Whose transaction it is.
        one: The statement that adds one row.
        table: The table's name.
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
            connection.execute(_text(table, shared, size), tuple(values))
            start += size
    if start < len(rows):
        connection.executemany(one, rows[start:])


@lru_cache(KEPT_TEXTS)
def _text(table: str, shared: tuple[bool, ...], count: int) -> str:
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
    return f"INSERT INTO {table} VALUES {', '.join(rows)}"  # noqa: S608 - a table of our own
