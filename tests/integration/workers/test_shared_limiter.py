"""One limit table under several processes: no limit is exceeded, whoever is killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TIMEOUT_S = 120


def run(program: str, *arguments: object) -> str:
    """A program of its own, since this process has threads and must not fork."""
    done = subprocess.run(
        [sys.executable, HERE / program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "_native")])},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_processes_that_ask_at_once_are_admitted_exactly_as_often_as_the_limit_says() -> None:
    told = dict(line.split(" ", 1) for line in run("hammering_exactly.py").splitlines())
    assert told == {
        "gcra": "50000",
        "fixed_window": "50000",
        "sliding_window": "50000",
        "concurrency": "50000",
        # As many as there are processes may run, so that none is refused, and none is left.
        "running": "160000 left 0",
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_processes_killed_at_any_instant_leave_the_table_right(seed: int) -> None:
    assert "304 killed" in run("hammering_until_killed.py", 300, seed)


@pytest.mark.parametrize("algorithm", ["gcra", "fixed_window", "sliding_window"])
@pytest.mark.parametrize("kills", [0, 60])
def test_processes_answer_consume_exactly_as_often_as_all_its_limits_say(
    algorithm: str, kills: int
) -> None:
    assert run("hammering_consume.py", algorithm, kills, 1) == f"30000 taken, {kills} killed\n"
