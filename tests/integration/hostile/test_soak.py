"""A short soak; the long one is `make soak`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_streams_leave_nothing_behind() -> None:
    # In a process of its own: what others have left in the heap would move the memory it holds.
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "4000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
