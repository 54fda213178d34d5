"""Has one byte of a file locked until it is told to end, or sees a process wait for a lock.

Usage: locking.py DESCRIPTOR BYTE [PROCESS]. Says so by a line once it has the lock; ends with its
standard input.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_UN, lockf
from pathlib import Path

TIMEOUT_S = 120


@contextmanager
def locked_by_another(locks: int, byte: int) -> Iterator[int]:
    """Another process has the byte; its number."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(locks), str(byte)],
        pass_fds=(locks,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        yield process.pid
    finally:
        process.communicate(timeout=TIMEOUT_S)


def see_a_waiter(process: str) -> None:
    """Returns when a process waits for a lock, as proc(5) tells by an arrow."""
    end_s = time.monotonic() + TIMEOUT_S
    while not any(
        "->" in (words := line.split()) and process in words
        for line in Path("/proc/locks").read_text("ascii").splitlines()
    ):
        if time.monotonic() > end_s:
            raise TimeoutError("nobody waits")
        os.sched_yield()


def main() -> None:
    locks, byte = int(sys.argv[1]), int(sys.argv[2])
    lockf(locks, LOCK_EX, 1, byte)
    print("locked", flush=True)  # noqa: T201
    for process in sys.argv[3:]:
        see_a_waiter(process)
        lockf(locks, LOCK_UN, 1, byte)
    sys.stdin.read()


if __name__ == "__main__":
    main()
