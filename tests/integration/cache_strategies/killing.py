"""Kills a process that writes behind, again and again, and compares what came of it.

As a program, for more cycles than a test has: arguments are their number, a directory that does not
exist yet, and a database's URL.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import sqlalchemy as sa

from blrcs.cache.strategies import read_dead_letters
from blrcs.database.kind import open_database
from blrcs.database.statement import Statement

HERE = Path(__file__).parent
POISON = "poison"
MOST_ACKNOWLEDGED = 80
LONGEST_S = 0.1

_effects = sa.table("effects", sa.column("id"), sa.column("key"), sa.column("value"))
_ALL = Statement(sa.select(_effects.c.key, _effects.c.value).order_by(_effects.c.id))


class Puppet:
    """The program, and what it has acknowledged."""

    def __init__(self, directory: Path, url: str, environment: Mapping[str, str]) -> None:
        self.acknowledged: list[tuple[str, str]] = []
        self._process = subprocess.Popen(
            [sys.executable, HERE / "writing_until_killed.py", directory, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def kill_after(self, run: int, acknowledged: int) -> None:
        """Has a child write until so many writes are acknowledged, and kills it."""
        lines = self._lines(str(run))
        pid = int(next(lines))
        for _ in range(acknowledged):
            if next(lines, None) is None:
                raise RuntimeError("the child ended by itself")
        os.kill(pid, signal.SIGKILL)
        for _ in lines:
            pass

    def kill_while_it_opens(self, run: int, after_s: float) -> None:
        """Likewise, but after a time in which it may not even have opened its log."""
        lines = self._lines(str(run))
        pid = int(next(lines))
        with subprocess.Popen(["sleep", str(after_s)]) as sleep:
            sleep.wait()
        os.kill(pid, signal.SIGKILL)
        for _ in lines:
            pass

    def drain(self) -> None:
        """Has all carried out that is left."""
        for _ in self._lines("drain"):
            pass

    def close(self) -> None:
        """Ends the program."""
        self._process.communicate()

    def _lines(self, command: str) -> Iterator[str]:
        """A child's number, and then one line for each write that it acknowledges."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            first, _, second = line.strip().partition(" ")
            if first == "ended":
                return
            if first == "child":
                yield second
            else:
                self.acknowledged.append((first, second))
                yield line
        raise RuntimeError("the program ended")


def kill_cycles(
    cycles: int, directory: Path, url: str, environment: Mapping[str, str], seed: int
) -> list[tuple[str, str]]:
    """All that was acknowledged; the log is empty then."""
    chance = random.Random(seed)
    puppet = Puppet(directory, url, environment)
    try:
        for run in range(cycles):
            if run % 4 == 3:
                puppet.kill_while_it_opens(run, chance.uniform(0, LONGEST_S))
            else:
                puppet.kill_after(run, chance.randrange(MOST_ACKNOWLEDGED))
        puppet.drain()
    finally:
        puppet.close()
    return puppet.acknowledged


async def effects_of(url: str) -> list[tuple[str, str]]:
    """Keys and values, in the order in which they took effect."""
    async with open_database(url, migrate=False) as (database, _):
        return [(row.key, row.value) for row in await database.fetch_all(_ALL)]


def place(value: str) -> tuple[int, int]:
    """Where a value stands among those that were written to its key."""
    run, number = value.split(":")
    return int(run), int(number)


def compare(
    acknowledged: list[tuple[str, str]], effects: list[tuple[str, str]], directory: Path
) -> None:
    """Fails where a write was lost, took effect twice, or out of its key's order."""
    letters = [(each.write.key, each.write.value) for each in read_dead_letters(directory)]
    set_aside = [(key, (value or b"").decode()) for key, value in letters]
    assert len(set(effects)) == len(effects), "a write took effect twice"
    assert len(set(set_aside)) == len(set_aside), "a write was set aside twice"
    assert not set(effects) & set(set_aside)
    assert all(key == POISON and value[-1] in "0369" for key, value in set_aside)
    lost = set(acknowledged) - set(effects) - set(set_aside)
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost"
    of_key = defaultdict(list)
    for key, value in effects:
        of_key[key].append(place(value))
    assert all(places == sorted(places) for places in of_key.values()), "out of order"


def main() -> None:
    cycles, directory, url = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    seed = random.randrange(1 << 32)
    acknowledged = kill_cycles(cycles, directory, url, os.environ, seed)
    effects = asyncio.run(effects_of(url))
    compare(acknowledged, effects, directory)
    sys.stdout.write(
        f"seed {seed}: {cycles} kills, {len(acknowledged)} acknowledged, {len(effects)} effects\n"
    )


if __name__ == "__main__":
    main()
