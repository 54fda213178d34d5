"""Reads rows by asyncpg alone: a statement prepared once on each connection that is held.

    python bare_asyncpg.py URL CALLS CONNECTIONS QUERY ID,ID... ARGUMENT...

The ids are in turn the last argument of the query. Prints the seconds that the calls took; every
one of them has to find its row. Whether that is the right one is looked at before.
"""

import argparse
import asyncio
import time
from itertools import cycle, islice

import asyncpg
import uvloop


async def read(
    url: str, calls: int, connections: int, query: str, ids: str, arguments: list[str]
) -> float:
    opened = [await asyncpg.connect(url) for _ in range(connections)]
    statements = [await each.prepare(query) for each in opened]
    values = [(*arguments, each) for each in ids.split(",")]
    for each in values:
        row = await statements[0].fetchrow(*each)
        if row is None or f"/{each[-1]}".encode() not in row[0]:
            raise SystemExit(f"a read found no {each[-1]}")
    remaining = islice(cycle(values), calls)

    async def work(statement: asyncpg.prepared_stmt.PreparedStatement) -> None:
        for each in remaining:
            if await statement.fetchrow(*each) is None:
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
    parser.add_argument("ids")
    parser.add_argument("arguments", nargs="*")
    print(uvloop.run(read(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
