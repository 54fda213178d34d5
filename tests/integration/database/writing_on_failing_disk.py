"""A program: writes while its disk fails, and prints what it was told.

Arguments: a directory, ``write`` or ``sync``, and the number of an errno. For each n it makes a
database, fails the n-th such call of a group of writes, and goes on until a group needs fewer than
n calls. Prints one line of JSON for each n.
"""

import asyncio
import ctypes
import json
import sys
from pathlib import Path

import sqlalchemy as sa

from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import settings
from blrcs.domain.errors import UnavailableError

ADD = insert_into(settings)
KEYS = Statement(sa.select(settings.c.key))
VALUE_BYTES = 9000  # more than a page, so that a group takes several writes


async def told(database: SqliteDatabase, key: str) -> bool:
    rows = [{"key": each, "value": bytes(VALUE_BYTES)} for each in (key, f"{key} too")]
    try:
        await database.write(lambda transaction: transaction.execute_many(ADD, rows))
    except UnavailableError:
        return False
    return True


async def attempt(path: Path, kind: str, number: int, error: int) -> bool:
    disk = ctypes.CDLL(None)
    keys = ["before", "one", "two", "three", "after"]
    async with SqliteDatabase.open(path) as database:
        answers = [await told(database, keys[0])]
        place = (number, -1) if kind == "write" else (-1, number)
        disk.disk_fail(*place, error)
        answers += await asyncio.gather(*(told(database, key) for key in keys[1:4]))
        failures = disk.disk_failures()
        disk.disk_fail(-1, -1, 0)
        seen = [row.key for row in database.fetch_all(KEYS)]
        answers.append(await told(database, keys[4]))
    acknowledged = [key for key, answer in zip(keys, answers, strict=True) if answer]
    line = json.dumps({"path": str(path), "acknowledged": acknowledged, "seen": seen})
    sys.stdout.write(f"{line}\n")
    return failures > 0


async def main() -> None:
    directory, kind, error = sys.argv[1:]
    number = 0
    while await attempt(Path(directory) / f"{number}.db", kind, number, int(error)):
        number += 1


asyncio.run(main())
