"""Many rows in few statements."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from blrcs.database.mysql.connection import size_bytes

MAX_PLACES = 65_535
"""Values of one prepared statement; the protocol counts them with 16 bits."""
MAX_BATCH_BYTES = 512 * 1024
ROWS = (64, 16, 4)
"""Rows that go together. Few numbers, since each makes a prepared statement; and no larger ones,
which save nothing: with 256, MariaDB even took longer for a row."""

_INSERT = re.compile(r"([^?]* VALUES )(\(\?(?:, \?)*\))([^?]*)", re.DOTALL)

Values = tuple[Any, ...]


def batches(
    sql: str, rows: Sequence[Values], *, max_packet_bytes: int
) -> Iterator[tuple[str, Values]]:
    """Statements, with their values, that do together what one does for each of the rows.

    An insert takes several rows at once. Other statements, and those that have values elsewhere,
    run once for each row: neither MySQL's protocol nor the driver knows another way for both
    databases.
    """
    insert = _INSERT.fullmatch(sql)
    if insert is None or not rows:
        yield from ((sql, row) for row in rows)
        return
    head, places, tail = insert.groups()
    longest = MAX_PLACES // len(rows[0])
    budget_bytes = min(MAX_BATCH_BYTES, max_packet_bytes // 2)
    done = 0
    while done < len(rows):
        together = _row_count(rows, done, longest, budget_bytes)
        text = sql if together == 1 else f"{head}{', '.join([places] * together)}{tail}"
        yield text, tuple([value for row in rows[done : done + together] for value in row])
        done += together


def _row_count(rows: Sequence[Values], begin: int, longest: int, budget_bytes: int) -> int:
    left = min(len(rows) - begin, longest)
    for count in ROWS:
        if count > left:
            continue
        # A character may take four octets.
        if 4 * sum(size_bytes(row) for row in rows[begin : begin + count]) <= budget_bytes:
            return count
    return 1
