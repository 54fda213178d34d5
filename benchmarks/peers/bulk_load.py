"""Loads a file of JSON Lines into a table of a database by its driver alone, as fast as that can.

    python bulk_load.py copy|executemany URL FILE        PostgreSQL by asyncpg
    python bulk_load.py sqlite PATH FILE                 SQLite by sqlite3, in one transaction

Prints the seconds that it took, from the file's first line to the commit. The table is its own, of
the shape that records have; nothing is checked, indexed or told of.
"""

import argparse
import sqlite3
import time
from collections.abc import Iterator

import asyncpg
import orjson
import uvloop

COLUMNS = "tenant, collection, record_id, document, create_time_ns, update_time_ns"
TABLE = """
CREATE TABLE rows (
    tenant text, collection text, record_id text, document text,
    create_time_ns bigint, update_time_ns bigint,
    PRIMARY KEY (tenant, collection, record_id)
)
"""
Row = tuple[str, str, str, str, int, int]


def rows(path: str) -> Iterator[Row]:
    now_ns = time.time_ns()
    with open(path, "rb") as file:  # noqa: PTH123 - as short as a script has it
        for line in file:
            record = orjson.loads(line)
            document = orjson.dumps(record["data"]).decode()
            yield "bench", "people", record["id"], document, now_ns, now_ns


async def by_asyncpg(how: str, url: str, path: str) -> float:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS rows")
    await connection.execute(TABLE)
    start = time.perf_counter()
    if how == "copy":
        names = COLUMNS.split(", ")
        await connection.copy_records_to_table("rows", records=rows(path), columns=names)
    else:
        await connection.executemany("INSERT INTO rows VALUES ($1, $2, $3, $4, $5, $6)", rows(path))
    seconds = time.perf_counter() - start
    await connection.close()
    return seconds


def by_sqlite(database: str, path: str) -> float:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("DROP TABLE IF EXISTS rows")
    connection.execute(TABLE)
    start = time.perf_counter()
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", rows(path))
    connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=["copy", "executemany", "sqlite"])
    parser.add_argument("database")
    parser.add_argument("file")
    given = parser.parse_args()
    if given.how == "sqlite":
        print(by_sqlite(given.database, given.file))
    else:
        print(uvloop.run(by_asyncpg(given.how, given.database, given.file)))


if __name__ == "__main__":
    main()
