"""A program: adds pairs of rows, many at a time, and prints the number of each acknowledged."""

import asyncio
import itertools
import sys
from pathlib import Path

import sqlalchemy as sa

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.transaction import Transaction
from blrcs.database.statement import Statement
from blrcs.database.tables import settings

ADD = Statement(sa.insert(settings))
CALLERS = 16


async def call(database: SqliteDatabase, numbers: "itertools.count[int]") -> None:
    for number in numbers:

        def add_pair(transaction: Transaction, number: int = number) -> None:
            transaction.execute(ADD, key=f"{number}-left", value=b"")
            transaction.execute(ADD, key=f"{number}-right", value=b"")

        await database.write(add_pair)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


async def main() -> None:
    database = SqliteDatabase.open(Path(sys.argv[1]))
    numbers = itertools.count()
    await asyncio.gather(*(call(database, numbers) for _ in range(CALLERS)))


asyncio.run(main())
