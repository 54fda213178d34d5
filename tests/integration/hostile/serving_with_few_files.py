"""A server that may open few files: `python serving_with_few_files.py LOOP FILES`.

Prints its port, serves until its input ends, and prints what it has counted. What it logs goes to
its standard error.
"""

import asyncio
import json
import resource
import sys

import uvloop

from tests.integration.hostile.victim import serving


async def main() -> None:
    async with serving() as victim:
        files = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        print(victim.port, flush=True)  # noqa: T201 - what the parent waits for
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(json.dumps(victim.counted), flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        uvloop.run(main())
    else:
        asyncio.run(main())
