"""Writes rows by asyncpg's executemany: the rows of a call in one transaction.

    python bare_executemany.py URL CALLS ROWS [--same]

Prints the seconds that the calls took. The table is its own, of the shape that records have. With
``--same`` it writes what a batch of creations is: the records with their encoding, the changes in
the feed, and the feed's number, into the tables of a server that has the database.
"""

import argparse
import itertools
import json
import secrets
import time

import asyncpg
import uvloop

TABLE = """
CREATE TABLE IF NOT EXISTS rows (
    tenant text, collection text, record_id text, document text,
    create_time_ns bigint, update_time_ns bigint,
    PRIMARY KEY (tenant, collection, record_id)
)
"""
INSERT = "INSERT INTO rows VALUES ($1, $2, $3, $4, $5, $6)"
DOCUMENT = json.dumps({"name": "Person", "note": "x" * 460})


CLAIM = (
    "UPDATE record_feeds SET sequence = sequence + $1 WHERE tenant = 'peer' AND collection = 'rows'"
    " RETURNING sequence"
)
FEED = "INSERT INTO record_feeds VALUES ('peer', 'rows', 1, 1, 0, 0) ON CONFLICT DO NOTHING"
RECORD = "INSERT INTO records VALUES ('peer', 'rows', $1, $2, $3, NULL, 1, $4, $4, NULL, $5)"
CHANGE = "INSERT INTO record_changes VALUES ('peer', 'rows', $1, 1, $2, $3, NULL, NULL)"
ENCODED = b"x" * 640


async def write_same(url: str, calls: int, rows: int) -> float:
    connection = await asyncpg.connect(url)
    await connection.execute(FEED)
    start = time.perf_counter()
    for _ in range(calls):
        now_ns = time.time_ns()
        moment = f"{now_ns // 1_000_000:012x}"
        ids = sorted([moment + secrets.token_hex(8) for _ in range(rows)])
        async with connection.transaction():
            last = await connection.fetchval(CLAIM, rows)
            changes = list(enumerate(ids, last - rows + 1))
            await connection.executemany(
                RECORD, [(each, DOCUMENT, ENCODED, now_ns, number) for number, each in changes]
            )
            await connection.executemany(
                CHANGE, [(number, each, now_ns) for number, each in changes]
            )
    seconds = time.perf_counter() - start
    await connection.close()
    return seconds


async def write(url: str, calls: int, rows: int) -> float:
    connection = await asyncpg.connect(url)
    await connection.execute(TABLE)
    await connection.execute("TRUNCATE rows")
    numbers = itertools.count()
    start = time.perf_counter()
    for _ in range(calls):
        values = [
            ("bench", "people", f"r{next(numbers)}", DOCUMENT, time.time_ns(), time.time_ns())
            for _ in range(rows)
        ]
        await connection.executemany(INSERT, values)
    seconds = time.perf_counter() - start
    written = await connection.fetchval("SELECT count(*) FROM rows")
    await connection.close()
    if written != calls * rows:
        raise SystemExit(f"{written} rows of {calls * rows} are there")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("calls", type=int)
    parser.add_argument("rows", type=int)
    parser.add_argument("--same", action="store_true")
    arguments = parser.parse_args()
    how = write_same if arguments.same else write
    print(uvloop.run(how(arguments.url, arguments.calls, arguments.rows)))


if __name__ == "__main__":
    main()
