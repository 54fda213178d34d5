"""Writes to a file again and again, each time as soon as it can; tells of the first failure."""

import asyncio
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.statement import Statement

COUNTS = sa.table("counts", sa.column("count"))
WRITE = Statement(sa.update(COUNTS).values(count=COUNTS.c.count + 1))
CALLERS = 2
WRITE_S = 0.01
"""As long as a large one takes; between two of them there are some microseconds."""


def slowly(transaction: Transaction) -> None:
    """Writes, and keeps the file."""
    transaction.execute(WRITE)
    time.sleep(WRITE_S)


async def write(path: Path, count: int, busy_timeout_ms: int) -> None:
    """As often as is asked, once a line has come that says so."""
    async with SqliteDatabase.join(path, busy_timeout_ms=busy_timeout_ms) as database:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()

        async def write_on() -> None:
            for _ in range(count):
                await database.write(slowly)

        # One is always waiting when another has been told that it is written.
        await asyncio.gather(*(write_on() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
