"""What one process revokes, the others refuse from their next look on."""

import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.shared.worker_slots import WorkerSlots
from blrcs_native.tokens.claims import Claims
from blrcs_native.tokens.revocation_log import RevocationLog
from blrcs_native.tokens.revocations import Revocations
from tests.integration.workers.locking import locked_by_another
from tests.unit.native.tokens.token_factory import (
    ISSUER,
    NOW_NS,
    FakeClock,
    make_token,
    make_verifier,
)

ENTRIES = 4
LATER_NS = NOW_NS + 60 * 10**9
DEAD = 3  # a place that nobody holds, as of one that was killed
OWNER_AT = 8  # as revocation_log.pxd states


class Processes:
    """Two that share a log; for the record locks they are one."""

    def __init__(self) -> None:
        self.locks = os.memfd_create("slots")
        self.block = bytearray(RevocationLog.size_bytes_for(ENTRIES))
        self.stored: list[str] = []
        self.reloads = 0
        self.slots = WorkerSlots(self.locks, 4)
        self.log, self.one = self.join(self.slots, 0)
        _, self.other = self.join(WorkerSlots(self.locks, 4), 1)

    def join(self, slots: WorkerSlots, slot: int) -> tuple[RevocationLog, Revocations]:
        slots.take(slot)
        log = RevocationLog(slots, buffer=self.block)
        revocations = Revocations(clock=FakeClock(), log=log)

        def restore() -> None:
            self.reloads += 1
            for each in self.stored:
                revocations.restore_session(ISSUER, each, expires_at_ns=LATER_NS)

        revocations.on_lapse(restore)
        return log, revocations

    def revoke(self, session_id: str) -> None:
        self.stored.append(session_id)
        self.one.revoke_session(ISSUER, session_id, expires_at_ns=LATER_NS)


@pytest.fixture
def processes() -> Iterator[Processes]:
    processes = Processes()
    yield processes
    os.close(processes.locks)


def claims(**of: object) -> Claims:
    answer = make_verifier().verify(make_token(**of))
    assert isinstance(answer, Claims)
    return answer


def test_a_session_a_token_and_a_subject_are_revoked_everywhere(processes: Processes) -> None:
    session, token, subject = claims(sid="s"), claims(jti="j"), claims(sub="users/9")
    assert not any(map(processes.other.is_revoked, (session, token, subject)))
    processes.one.revoke_session(ISSUER, "s", expires_at_ns=LATER_NS)
    assert processes.other.is_revoked(session)
    processes.one.revoke_token(ISSUER, "j", expires_at_ns=LATER_NS)
    assert processes.other.is_revoked(token)
    processes.one.revoke_subject(
        ISSUER, "users/9", issued_before_ns=LATER_NS, expires_at_ns=LATER_NS
    )
    assert processes.other.is_revoked(subject)
    assert not processes.other.is_revoked(claims())
    assert processes.reloads == 0


def test_a_verifier_refuses_a_token_that_it_remembers(processes: Processes) -> None:
    verifier = make_verifier(revocations=processes.other)
    token = make_token(sid="s")
    assert isinstance(verifier.verify(token), Claims)
    processes.revoke("s")
    assert verifier.verify(token) == "REVOKED" or "revoked" in repr(verifier.verify(token)).lower()
    assert not isinstance(verifier.verify(token), Claims)


@given(st.lists(st.integers(0, 3 * ENTRIES), max_size=6))
def test_however_far_it_falls_behind_it_misses_nothing(rounds: list[int]) -> None:
    processes = Processes()
    try:
        for number, count in enumerate(rounds):
            names = [f"{number}-{each}" for each in range(count)]
            for name in names:
                processes.revoke(name)
            assert all(processes.other.is_revoked(claims(sid=name)) for name in names)
        assert (processes.reloads > 0) == any(count > ENTRIES for count in rounds)
    finally:
        os.close(processes.locks)


def test_what_is_too_long_for_an_entry_is_read_from_the_store(processes: Processes) -> None:
    name = "s" * 300
    processes.revoke(name)
    assert processes.other.is_revoked(claims(sid=name))
    assert processes.reloads == 1


def test_who_is_asked_to_reload_does_once(processes: Processes) -> None:
    processes.stored.append("unheard")
    processes.log.ask_to_reload()
    processes.one.revoke_session(ISSUER, "told", expires_at_ns=LATER_NS)
    assert processes.other.is_revoked(claims(sid="unheard"))
    assert processes.other.is_revoked(claims(sid="told"))
    assert processes.reloads == 1


def test_nothing_is_known_to_be_good_while_the_store_cannot_be_read(processes: Processes) -> None:
    def fail() -> None:
        raise OSError

    processes.other.on_lapse(fail)
    processes.log.ask_to_reload()
    for _ in range(2):
        with pytest.raises(OSError):
            processes.other.is_revoked(claims(sid="s"))


def test_without_a_store_a_lapse_is_an_error(processes: Processes) -> None:
    alone = Revocations(clock=FakeClock(), log=processes.log)
    processes.log.ask_to_reload()
    with pytest.raises(RuntimeError, match="nothing restores"):
        alone.is_revoked(claims())


def test_what_is_restored_is_told_to_nobody(processes: Processes) -> None:
    processes.one.restore_session(ISSUER, "s", expires_at_ns=LATER_NS)
    assert processes.one.is_revoked(claims(sid="s"))
    assert not processes.other.is_revoked(claims(sid="s"))


def test_the_lock_of_the_dead_keeps_nobody_out(processes: Processes) -> None:
    struct.pack_into("=Q", processes.block, OWNER_AT, DEAD + 1)
    processes.revoke("s")
    assert processes.other.is_revoked(claims(sid="s"))


def test_an_unfit_buffer_raises(processes: Processes) -> None:
    slots = WorkerSlots(processes.locks, 4)
    with pytest.raises(ValueError, match="no place"):
        RevocationLog(slots, buffer=processes.block)
    slots.take(2)
    with pytest.raises(ValueError, match="smaller"):
        RevocationLog(slots, buffer=bytearray(64))
    with pytest.raises(ValueError, match="aligned"):
        RevocationLog(slots, buffer=memoryview(bytearray(4097))[1:])
    with pytest.raises(ValueError, match="something else"):
        RevocationLog(slots, buffer=bytearray(b"x" * 4096))
    with pytest.raises(BufferError):
        RevocationLog(slots, buffer=bytes(4096))


def test_who_does_not_wait_says_who_writes(processes: Processes) -> None:
    processes.block[OWNER_AT : OWNER_AT + 8] = struct.pack("=Q", DEAD + 1)
    with locked_by_another(processes.locks, DEAD) as process:
        with pytest.raises(BlockingIOError):
            processes.log.ask_to_reload(wait=False)
        assert processes.slots.waiting(0) == (DEAD, 1)
        assert processes.slots.holder(DEAD) == process
    processes.log.ask_to_reload(wait=False)
    assert processes.slots.waiting(0) is None


def test_who_waits_for_the_first_place_says_so_too() -> None:
    locks = os.memfd_create("locks")
    slots = WorkerSlots(locks, 4)
    slots.take(1)
    block = bytearray(RevocationLog.size_bytes_for(ENTRIES))
    log = RevocationLog(slots, buffer=block)
    block[OWNER_AT : OWNER_AT + 8] = struct.pack("=Q", 1)
    with locked_by_another(locks, 0), pytest.raises(BlockingIOError):
        log.ask_to_reload(wait=False)
    assert slots.waiting(1) == (0, 1)
    os.close(locks)


def test_the_lock_of_who_had_the_place_before_keeps_nobody_out(processes: Processes) -> None:
    processes.block[OWNER_AT : OWNER_AT + 8] = struct.pack("=Q", 1)
    successor = RevocationLog(processes.slots, buffer=processes.block)
    successor.ask_to_reload(wait=False)


@pytest.mark.parametrize("owner", [1, 5, 2**64 - 1])
def test_nobody_waits_for_ever_for_an_owner_that_cannot_be(
    processes: Processes, owner: int
) -> None:
    """The own place's once it is taken, or one beyond all places."""
    processes.block[OWNER_AT : OWNER_AT + 8] = struct.pack("=Q", owner)
    with pytest.raises(BlockingIOError):
        processes.log.ask_to_reload(wait=False)
