"""A place is its process's alone, and who sees to what the dead have left passes for none."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from blrcs_native.limits.limiter import Limiter
from blrcs_native.limits.sharing import LimitSharing
from blrcs_native.shared.worker_slots import WorkerSlots
from tests.integration.workers.locking import TIMEOUT_S

PROGRAM = Path(__file__).with_name("locking.py")
SLOTS = 3


def turn(slot: int) -> int:
    """The byte that worker_slots.pyx states for whoever sees to a place."""
    return SLOTS + 1 + slot


class Other:
    """Another process, which has one byte locked until it is told to end, or sees us wait."""

    def __init__(self, locks: int, byte: int, *, until_awaited: bool = False) -> None:
        ours = [str(os.getpid())] if until_awaited else []
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, str(locks), str(byte), *ours],
            pass_fds=(locks,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"locked\n"

    def end(self) -> None:
        self._process.communicate(timeout=TIMEOUT_S)
        assert self._process.returncode == 0


@pytest.fixture
def locks() -> Iterator[int]:
    locks = os.memfd_create("slots")
    yield locks
    os.close(locks)


@pytest.fixture
def other(locks: int) -> Iterator[Callable[..., Other]]:
    with ExitStack() as stack:

        def start(byte: int, *, until_awaited: bool = False) -> Other:
            other = Other(locks, byte, until_awaited=until_awaited)
            stack.callback(other.end)
            return other

        yield start


def test_a_place_that_another_process_has_is_neither_dead_nor_free(
    locks: int, other: Callable[..., Other]
) -> None:
    other(0)
    slots = WorkerSlots(locks, SLOTS)
    assert not slots.is_dead(0)
    with pytest.raises(BlockingIOError):
        slots.take(0)
    assert slots.take() == 1


def test_a_place_is_dead_once_its_process_has_ended(locks: int) -> None:
    slots = WorkerSlots(locks, SLOTS)
    Other(locks, 2).end()
    assert slots.is_dead(2)
    assert slots.take(2) == 2
    assert not slots.is_dead(2), "it is this process's own"


def test_who_asks_whether_a_place_is_dead_holds_it_for_no_moment(locks: int) -> None:
    only_reads = os.open(f"/proc/self/fd/{locks}", os.O_RDONLY)  # no lock can be had by it
    try:
        assert WorkerSlots(only_reads, SLOTS).is_dead(1)
    finally:
        os.close(only_reads)


def test_a_place_that_is_seen_to_is_dead_all_the_same(
    locks: int, other: Callable[..., Other]
) -> None:
    other(turn(1))
    assert WorkerSlots(locks, SLOTS).is_dead(1)


def test_a_successor_waits_until_its_place_has_been_seen_to(
    locks: int, other: Callable[..., Other]
) -> None:
    other(turn(1), until_awaited=True)
    assert WorkerSlots(locks, SLOTS).take(1) == 1


def test_what_is_recovered_is_awaited_where_another_sees_to_the_place(
    locks: int, other: Callable[..., Other]
) -> None:
    slots = WorkerSlots(locks, SLOTS)
    slots.take(0)
    block = bytearray(LimitSharing.size_bytes_for(SLOTS, 1))
    sharing = LimitSharing(slots, buffer=block, places=1)
    Limiter(buffer=bytearray(128 + 64 * 64), sharing=sharing)
    other(turn(1), until_awaited=True)
    assert sharing.recover(1) == 0


def test_the_first_that_asks_leads(locks: int, other: Callable[..., Other]) -> None:
    other(SLOTS)
    slots = WorkerSlots(locks, SLOTS)
    assert not slots.lead()
    slots.take()
    assert not slots.lead()
