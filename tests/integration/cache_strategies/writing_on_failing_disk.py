"""A program: writes behind while its disk fails, and prints what it was told.

Arguments: a directory, ``write`` or ``sync``, and the number of an errno. For each n it opens a
log, fails the n-th such call of a group of writes, and goes on until a group needs fewer than n
calls. Prints one line of JSON for each n.
"""

import asyncio
import ctypes
import json
import sys
from pathlib import Path

import structlog

from blrcs.cache.memory import MemoryCache
from blrcs.cache.strategies import AtLeastOnceSink, WriteBehind, WriteBehindOptions
from blrcs.config.cache import Cache
from blrcs.domain.errors import UnavailableError

KEYS = ["before", "one", "two", "three", "after"]
OPTIONS = WriteBehindOptions(segment_bytes=1, drain_timeout_ns=60_000_000_000)
"""A file for each group, so that making one fails too."""


async def told(behind: WriteBehind, key: str) -> str:
    try:
        await behind.put(key, b"value")
    except UnavailableError as error:
        return error.reason
    return "acknowledged"


async def open_log(directory: Path, done: list[str]) -> WriteBehind:
    async def write(writes) -> None:  # type: ignore[no-untyped-def]
        done.extend(each.key for each in writes)

    cache = MemoryCache(Cache())
    return await WriteBehind.open(cache, "n", directory, AtLeastOnceSink(write), OPTIONS)


async def attempt(directory: Path, kind: str, number: int, error: int) -> bool:
    disk = ctypes.CDLL(None)
    done: list[str] = []
    async with await open_log(directory, done) as behind:
        answers = [await told(behind, KEYS[0])]
        place = (number, -1) if kind == "write" else (-1, number)
        disk.disk_fail(*place, error)
        answers += await asyncio.gather(*(told(behind, key) for key in KEYS[1:4]))
        failures = disk.disk_failures()
        disk.disk_fail(-1, -1, 0)
        answers.append(await told(behind, KEYS[4]))
    reopened: list[str] = []
    async with await open_log(directory, reopened) as behind:
        again = await told(behind, "again")
    report = {
        "answers": dict(zip(KEYS, answers, strict=True)),
        "done": done,
        "reopened": reopened,
        "again": again,
    }
    sys.stdout.write(f"{json.dumps(report)}\n")
    return failures > 0


async def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    directory, kind, error = sys.argv[1:]
    number = 0
    while await attempt(Path(directory) / str(number), kind, number, int(error)):
        number += 1


asyncio.run(main())
