"""SIGKILL while writes are under way."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from blrcs.database.sqlite.database import SqliteDatabase

HERE = Path(__file__).parent


@pytest.mark.parametrize("acknowledged_before_kill", [1, 40, 333])
def test_what_was_acknowledged_outlives_a_kill_and_nothing_is_half_done(
    path, environment, acknowledged_before_kill
):
    process = subprocess.Popen(
        [sys.executable, HERE / "writing_until_killed.py", path],
        stdout=subprocess.PIPE,
        env=environment,
    )
    with process:
        lines = [process.stdout.readline() for _ in range(acknowledged_before_kill)]
        process.kill()
        lines += process.stdout.readlines()
    acknowledged = {int(line) for line in lines if line.endswith(b"\n")}
    assert len(acknowledged) >= acknowledged_before_kill

    asyncio.run(SqliteDatabase.open(path).close())  # takes up the log

    connection = sqlite3.connect(path)
    stored = {key for (key,) in connection.execute("SELECT key FROM settings")}
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    left = {int(key.removesuffix("-left")) for key in stored if key.endswith("-left")}
    right = {int(key.removesuffix("-right")) for key in stored if key.endswith("-right")}
    assert left == right
    assert acknowledged <= left
