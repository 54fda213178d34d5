"""Processes that write to one SQLite file take turns."""

import asyncio
import fcntl
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from blrcs.database.errors import DatabaseUnwritableError
from blrcs.database.sqlite.write_turn import WriteTurn
from tests.integration.database.writing_without_pause import CALLERS

PROGRAM = Path(__file__).with_name("writing_without_pause.py")
PROCESSES = 2
WRITES = 80
BUSY_TIMEOUT_MS = 1000


def test_none_that_writes_without_pause_starves_another(path, environment):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE counts AS SELECT 0 AS count")
    connection.commit()
    command = [sys.executable, PROGRAM, path, str(WRITES), str(BUSY_TIMEOUT_MS)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
                )
            )
            for _ in range(PROCESSES)
        ]
        for writer in writers:
            assert writer.stdout.readline() == b"ready\n"
        for writer in writers:
            writer.stdin.write(b"\n")
            writer.stdin.flush()
    assert [writer.returncode for writer in writers] == [0] * PROCESSES
    (count,) = connection.execute("SELECT count FROM counts").fetchone()
    connection.close()
    assert count == PROCESSES * CALLERS * WRITES


@pytest.fixture
def turn_of(path):
    with ExitStack() as stack:

        def turn_of(timeout_s=30):
            turn = WriteTurn.open(path, timeout_s=timeout_s)
            stack.callback(turn.close)
            return turn

        yield turn_of


async def test_whoever_has_written_lets_go_first_who_waits(turn_of):
    one, other = turn_of(), turn_of()
    assert one.take()
    waiting = asyncio.create_task(asyncio.to_thread(other.take))
    # It is next as soon as no one else can be.
    probe = turn_of(0)
    while probe._lock(0, 0):
        probe._set(0, fcntl.F_UNLCK)
        await asyncio.sleep(0)
    one.give_back()
    again = asyncio.create_task(asyncio.to_thread(one.take))
    assert await waiting
    assert not again.done()
    other.give_back()
    assert await again
    one.give_back()


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(turn_of):
    one, other = turn_of(), turn_of(0.01)
    assert one.take()
    assert not other.take()
    one.give_back()
    assert other.take()
    other.give_back()


def test_a_turn_ends_with_who_had_it(turn_of, path):
    one, other = WriteTurn.open(path, timeout_s=1), turn_of(0)
    assert one.take()
    one.close()
    assert other.take()


def test_a_file_that_is_not_ours_is_refused(path):
    path.with_name(f"{path.name}-turn").symlink_to(path)
    with pytest.raises(DatabaseUnwritableError):
        WriteTurn.open(path, timeout_s=1)
