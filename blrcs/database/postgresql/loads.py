"""Loads of many rows: what PostgreSQL's COPY is given."""

from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any

import asyncpg
import sqlalchemy as sa

from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs_native.databases.copy_rows import HEAD, TAIL, copy_rows

ROWS_AT_ONCE = 256
"""So many are made octets of at a time, while the server takes those before them."""

_KINDS = {
    "TEXT": "t",
    "JSON": "t",
    "BYTEA": "o",
    "BIGINT": "n",
    "DOUBLE PRECISION": "r",
    "BOOLEAN": "f",
}


@cache
def kinds_of(table: sa.Table) -> bytes | None:
    """What its columns hold; None where the driver has to say how one is written."""
    types = [str(column.type.compile(dialect=POSTGRESQL.compiler)) for column in table.columns]
    kinds = [_KINDS.get(each.partition(" COLLATE")[0]) for each in types]
    return None if None in kinds else "".join(each for each in kinds if each).encode()


async def octets_of(rows: Sequence[tuple[Any, ...]], kinds: bytes) -> AsyncIterator[bytes]:
    """Rows for COPY in binary.

    Raises:
        asyncpg.DataError: A value is not of its column's kind.
    """
    yield HEAD
    for first in range(0, len(rows), ROWS_AT_ONCE):
        try:
            octets = copy_rows(list(rows[first : first + ROWS_AT_ONCE]), kinds)
        except (TypeError, OverflowError, UnicodeEncodeError) as error:
            raise asyncpg.DataError(str(error)) from error
        yield octets
    yield TAIL
