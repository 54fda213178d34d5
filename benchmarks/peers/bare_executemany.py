"""Writes rows by asyncpg's executemany: the rows of a call in one transaction.

    python bare_executemany.py URL CALLS ROWS

Prints the seconds that the calls took. The table is its own, of the shape that records have.
"""

import argparse
import itertools
import json
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
    print(uvloop.run(write(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
