"""Who waits for a lock shows that it goes on to try, unless it is stopped."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blrcs_native.shared.worker_slots import WorkerSlots
from blrcs_native.tokens.revocation_log import RevocationLog
from tests.integration.workers.locking import locked_by_another

PROGRAM = Path(__file__).with_name("waiting.py")
SLOTS, OWN, WAITER, HOLDER = 3, 0, 1, 2
OWNER_AT = 8  # as revocation_log.pxd states
SOME_LOOKS = 100
TIMEOUT_S = 60


@pytest.fixture
def locks() -> Iterator[int]:
    locks = os.memfd_create("slots")
    yield locks
    os.close(locks)


@pytest.fixture
def log() -> Iterator[int]:
    """A log that the holder is writing to."""
    log = os.memfd_create("log")
    os.ftruncate(log, RevocationLog.size_bytes_for(1))
    os.pwrite(log, struct.pack("=Q", HOLDER + 1), OWNER_AT)
    yield log
    os.close(log)


def grows(slots: WorkerSlots) -> bool:
    """Whether the waiter tries again."""
    before, until_s = slots.tries(WAITER), time.monotonic() + TIMEOUT_S
    while slots.tries(WAITER) == before:
        if time.monotonic() > until_s:
            return False
        os.sched_yield()
    return True


def test_who_is_stopped_while_it_waits_does_not_try(locks: int, log: int) -> None:
    slots = WorkerSlots(locks, SLOTS)
    slots.take(OWN)
    arguments = [sys.executable, str(PROGRAM), *map(str, (locks, SLOTS, WAITER, log))]
    with (
        locked_by_another(locks, HOLDER),
        subprocess.Popen(arguments, pass_fds=(locks, log)) as process,
    ):
        try:
            assert grows(slots)
            assert grows(slots), "it goes on to try"
            wait = slots.waiting(WAITER)
            assert wait == (HOLDER, 1)
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            tries = slots.tries(WAITER)
            for _ in range(SOME_LOOKS):
                os.sched_yield()
                assert slots.tries(WAITER) == tries
            assert slots.waiting(WAITER) == wait, "it says still that it waits"
            process.send_signal(signal.SIGCONT)
            assert grows(slots)
        finally:
            process.kill()
