"""A program that builds the indexes of a database's collections, and is killed within a step.

URL AT NOW_NS     when it has cleared for the AT-th time what it fills next
"""

import asyncio
import itertools
import os
import signal
import sys

from blrcs.application.collections.build_indexes import BuildIndexes
from blrcs.database.kind import open_database
from blrcs.database.repositories import index_builds

index_builds.FILLED_AT_ONCE = 7
_left = itertools.count(int(sys.argv[2]) - 1, -1)
_execute = index_builds._Step._clear


async def _clear(step: object, *args: object) -> None:
    await _execute(step, *args)
    if next(_left) == 0:
        os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    async with open_database(sys.argv[1], migrate=False) as (database, _):
        await BuildIndexes(
            builds=index_builds.SqlIndexBuilds(database, lambda: int(sys.argv[3])),
            holder="killed",
        )()


index_builds._Step._clear = _clear
asyncio.run(main())
