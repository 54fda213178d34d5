"""Reads one row by asyncpg alone: a statement prepared once on each connection that is held.

    python bare_asyncpg.py URL CALLS CONNECTIONS QUERY ARGUMENT...

Prints the seconds that the calls took; every one of them has to find the row.
"""

import argparse
import asyncio
import time

import asyncpg
import uvloop


async def read(url: str, calls: int, connections: int, query: str, arguments: list[str]) -> float:
    opened = [await asyncpg.connect(url) for _ in range(connections)]
    statements = [await each.prepare(query) for each in opened]
    remaining = iter(range(calls))

    async def work(statement: asyncpg.prepared_stmt.PreparedStatement) -> None:
        for _ in remaining:
            if await statement.fetchrow(*arguments) is None:
                raise SystemExit("a read found nothing")

    start = time.perf_counter()
    await asyncio.gather(*map(work, statements))
    seconds = time.perf_counter() - start
    for each in opened:
        await each.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("calls", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("query")
    parser.add_argument("arguments", nargs="*")
    print(uvloop.run(read(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
