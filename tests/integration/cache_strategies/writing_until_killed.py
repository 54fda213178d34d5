"""A program: writes behind, in a child that others kill, as often as it is told to.

Arguments: the log's directory and the database's URL. Each line that it reads starts a child: with
a number, one that writes until it is killed; ``drain``, one that carries out all that is left. It
prints ``child PID``, of each acknowledged write its key and value, and ``ended`` when all of a
child has been printed. Children are forks, so that a cycle does not take as long as importing.
"""

import asyncio
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.schema import CreateTable

from blrcs.cache.memory import MemoryCache
from blrcs.cache.strategies import (
    LoggedWrite,
    WriteBehind,
    WriteBehindOptions,
    WriteRefusedError,
)
from blrcs.config.cache import Cache
from blrcs.database.adapter import Transaction
from blrcs.database.kind import open_database
from blrcs.database.statement import Statement
from blrcs.database.types import KEY, NUMBER, TEXT
from blrcs.database.write_sink import DatabaseSink

KEYS = [f"k{number}" for number in range(8)]
POISON = "poison"
REFUSED = b"0369"
"""Last digits of values that are refused."""
OPTIONS = WriteBehindOptions(
    segment_bytes=4096,
    batch_entries=16,
    first_pause_ns=20_000_000,
    longest_pause_ns=40_000_000,
    max_attempts=2,
    drain_timeout_ns=60_000_000_000,
)

effects = sa.Table(
    "effects",
    sa.MetaData(),
    sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
    sa.Column("key", KEY, nullable=False),
    sa.Column("value", TEXT, nullable=False),
)
"""A row for each time that a write took effect, in that order."""

ADD = Statement(
    sa.insert(effects)
    .inline()
    .values(key=sa.bindparam("key", required=True), value=sa.bindparam("value", required=True))
)


async def write(transaction: Transaction, writes: Sequence[LoggedWrite]) -> None:
    if any(each.key == POISON and (each.value or b"")[-1] in REFUSED for each in writes):
        raise WriteRefusedError("its last digit is one of those")
    rows = [{"key": each.key, "value": (each.value or b"").decode()} for each in writes]
    await transaction.execute_many(ADD, rows)


async def call(behind: WriteBehind, key: str, run: str) -> None:
    for number in itertools.count(1):
        value = f"{run}:{number}"
        await behind.put(key, value.encode())
        os.write(1, f"{key} {value}\n".encode())


async def child(command: str, directory: Path, url: str) -> None:
    async with open_database(url, migrate=False) as (database, _):
        await database.define(CreateTable(effects, if_not_exists=True))
        sink = await DatabaseSink.open(database, write)
        cache = MemoryCache(Cache())
        async with await WriteBehind.open(cache, "n", directory, sink, OPTIONS) as behind:
            if command != "drain":
                calls = (call(behind, key, command) for key in (*KEYS, POISON))
                await asyncio.gather(*calls)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(child(line.strip(), Path(sys.argv[1]), sys.argv[2]))
            os._exit(0)
        os.write(1, f"child {pid}\n".encode())
        os.waitpid(pid, 0)
        os.write(1, b"ended\n")


main()
