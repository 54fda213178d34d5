"""A shared limiter decides as one alone does, and takes back what the dead had begun."""

import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs_native.limits.limiter import MAX_STACK, Limiter, Rule
from blrcs_native.limits.sharing import LimitSharing
from blrcs_native.shared.worker_slots import WorkerSlots
from tests.integration.workers.locking import locked_by_another

SECOND = 1_000_000_000
SLOTS = 3
PLACES = 4
DEAD = 2  # a place that nobody holds, as of one that was killed
CELLS = 64
TABLE_BYTES = 128 + 64 * CELLS
# The layout that limits/sharing.pyx and limits/table.pyx state.
STRIPES_AT = 64
JOURNALS_AT = STRIPES_AT + 1024 * 64
UNDO_BYTES = 88
JOURNAL_BYTES = 64 + 2 * MAX_STACK * UNDO_BYTES
PLACES_AT = JOURNALS_AT + SLOTS * JOURNAL_BYTES
OF_CELL, OF_PLACE = 1, 2
KEY = b"key"
HELD = Rule("concurrency", 5, 100 * SECOND, identity="held")


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now


class Shared:
    """A limiter at place 0."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.locks = os.memfd_create("slots")
        self.slots = WorkerSlots(self.locks, SLOTS)
        self.slots.take()
        self.table = bytearray(TABLE_BYTES)
        self.block = bytearray(LimitSharing.size_bytes_for(SLOTS, PLACES))
        self.sharing = LimitSharing(self.slots, buffer=self.block, places=PLACES)
        self.limiter = Limiter(
            buffer=self.table, clock=self.clock, hash_key=bytes(16), sharing=self.sharing
        )

    def close(self) -> None:
        os.close(self.locks)

    def write(self, offset: int, *words: int) -> None:
        struct.pack_into(f"={len(words)}Q", self.block, offset, *words)

    def begin(self, *notes: tuple[int, int, int, bytes, int]) -> None:
        """The journal of the dead one: number, kind, low half of the print, cell, used."""
        at = JOURNALS_AT + DEAD * JOURNAL_BYTES
        self.write(at, len(notes))
        for index, (number, kind, print_low, cell, used) in enumerate(notes):
            place = at + 64 + index * UNDO_BYTES
            self.write(place, number, kind, print_low, used)
            self.block[place + 32 : place + 88] = cell

    def hold_place(self, index: int, used: int) -> int:
        """A place of the dead one, of a lease of KEY under HELD; its number."""
        _, low, high, _ = self.cell_of_key()
        place = DEAD * PLACES + index
        lease = self.clock.now
        self.write(PLACES_AT + place * 64, used, low, high, HELD.limit, HELD.period_ns, lease)
        return place + 1

    def cell_of_key(self) -> tuple[int, int, int, bytes]:
        """Number, print and contents of the only cell in use."""
        for bucket in range(CELLS // 8):
            for way in range(8):
                at = 128 + 512 * bucket
                (low,) = struct.unpack_from("=Q", self.table, at + 8 * way)
                cell = bytes(self.table[at + 64 + 56 * way :][:56])
                if low and any(cell):
                    return 8 * bucket + way, low, struct.unpack_from("=Q", cell)[0], cell
        raise AssertionError("no cell is in use")

    def lock_all(self) -> None:
        """Every lock is the dead one's."""
        self.lock_by(DEAD)

    def lock_by(self, slot: int) -> None:
        """Every lock is that of a place."""
        for stripe in range(1024):
            self.write(STRIPES_AT + 64 * stripe, slot + 1)


@pytest.fixture
def shared() -> Iterator[Shared]:
    shared = Shared()
    yield shared
    shared.close()


RULES = [
    Rule("gcra", 3, SECOND, identity="a", burst=5),
    Rule("fixed_window", 4, SECOND, identity="b"),
    Rule("sliding_window", 4, SECOND, identity="c"),
    Rule("concurrency", 3, SECOND, identity="d"),
]
claims = st.tuples(st.sampled_from(RULES), st.sampled_from(["x", "y"]), st.integers(0, 3))
steps = st.one_of(
    st.tuples(st.just("consume"), claims),
    st.tuples(st.just("peek"), claims),
    st.tuples(st.just("refund"), claims),
    st.tuples(st.just("reset"), claims),
    st.tuples(st.just("release"), claims),
    st.tuples(st.just("consume_all"), st.lists(claims, min_size=1, max_size=6)),
    st.tuples(st.just("pass"), st.integers(0, SECOND)),
)


def run(limiter: Limiter, clock: Clock, name: str, what: object) -> str:
    match name, what:
        case "pass", int(elapsed):
            clock.now += elapsed
            return ""
        case "consume_all", list(stack):
            return repr(limiter.consume_all(stack))
        case "reset", (rule, key, _):
            return repr(limiter.reset(rule, key))
        case "release", (rule, key, cost):
            if rule.algorithm == "concurrency":
                limiter.release(rule, key, clock.now, cost)
            return ""
        case _, (rule, key, cost):
            return repr(getattr(limiter, name)(rule, key, cost))
    raise AssertionError(name)


@given(st.lists(steps, max_size=40))
def test_a_shared_limiter_decides_as_one_alone(history: list[tuple[str, object]]) -> None:
    shared, clock = Shared(), Clock()
    alone = Limiter(CELLS, clock=clock, hash_key=bytes(16))
    try:
        for name, what in history:
            assert run(shared.limiter, shared.clock, name, what) == run(alone, clock, name, what)
        assert shared.limiter.stats() == alone.stats()
    finally:
        shared.close()


def test_what_the_dead_had_taken_but_not_completed_is_put_back(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY, 2)
    number, low, _, before = shared.cell_of_key()
    shared.limiter.consume(HELD, KEY, 3)
    shared.begin((number, OF_CELL, low, before, 0))
    assert shared.sharing.recover(DEAD) == 0
    assert shared.limiter.peek(HELD, KEY).remaining == 3
    shared.limiter.consume(HELD, KEY)
    assert shared.sharing.recover(DEAD) == 0
    assert shared.limiter.peek(HELD, KEY).remaining == 2


def test_of_two_notes_of_one_cell_the_first_has_the_last_word(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY)
    number, low, _, first = shared.cell_of_key()
    shared.limiter.consume(HELD, KEY)
    second = shared.cell_of_key()[3]
    shared.limiter.consume(HELD, KEY)
    shared.begin((number, OF_CELL, low, first, 0), (number, OF_CELL, low, second, 0))
    shared.sharing.recover(DEAD)
    assert shared.limiter.peek(HELD, KEY).remaining == 4


def test_the_locks_of_the_dead_keep_nobody_out(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY)
    number, low, _, before = shared.cell_of_key()
    shared.limiter.consume(HELD, KEY)
    shared.begin((number, OF_CELL, low, before, 0))
    shared.lock_all()
    assert shared.limiter.consume(HELD, KEY).remaining == 3


def test_the_places_of_the_dead_are_given_back_once(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY, 3)
    shared.hold_place(0, used=1)
    shared.hold_place(2, used=1)
    shared.hold_place(3, used=0)
    assert shared.sharing.recover(DEAD) == 2
    assert shared.limiter.peek(HELD, KEY).remaining == 4
    assert shared.sharing.recover(DEAD) == 0
    assert shared.limiter.peek(HELD, KEY).remaining == 4


def test_a_place_whose_taking_was_not_completed_is_not_given_back(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY)
    number, low, _, before = shared.cell_of_key()
    shared.limiter.consume(HELD, KEY)
    place = shared.hold_place(0, used=1)
    shared.begin((number, OF_CELL, low, before, 0), (place, OF_PLACE, 0, bytes(56), 0))
    assert shared.sharing.recover(DEAD) == 0
    assert shared.limiter.peek(HELD, KEY).remaining == 4


def test_a_place_whose_release_was_not_completed_is_given_back(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY, 2)
    number, low, _, before = shared.cell_of_key()
    shared.limiter.release(HELD, KEY, shared.clock.now)
    place = shared.hold_place(0, used=0)
    shared.begin((number, OF_CELL, low, before, 0), (place, OF_PLACE, 0, bytes(56), 1))
    assert shared.sharing.recover(DEAD) == 1
    assert shared.limiter.peek(HELD, KEY).remaining == 4


def test_what_others_write_into_the_block_leads_nowhere_outside(shared: Shared) -> None:
    wild = 2**64 - 1
    shared.limiter.consume(HELD, KEY)
    shared.begin(
        (wild, OF_CELL, 0, bytes(56), 0), (wild, OF_PLACE, 0, bytes(56), 1), (0, 7, 0, bytes(56), 1)
    )
    shared.sharing.recover(DEAD)
    shared.write(JOURNALS_AT + DEAD * JOURNAL_BYTES, wild)
    shared.write(PLACES_AT + DEAD * PLACES * 64, 1, wild, wild, 0, 0, wild)
    shared.sharing.recover(DEAD)
    assert shared.limiter.peek(HELD, KEY).remaining == 4


def test_the_living_are_not_recovered_from(shared: Shared) -> None:
    assert shared.sharing.recover(0) is None
    with pytest.raises(ValueError, match="no place 3"):
        shared.sharing.recover(SLOTS)


def test_one_sharing_is_for_one_limiter(shared: Shared) -> None:
    with pytest.raises(ValueError, match="another limiter"):
        Limiter(buffer=bytearray(TABLE_BYTES), sharing=shared.sharing)
    with pytest.raises(ValueError, match="buffer"):
        Limiter(64, sharing=shared.sharing)


def test_an_unfit_block_raises(shared: Shared) -> None:
    def share(block: object, places: int = PLACES) -> LimitSharing:
        return LimitSharing(shared.slots, buffer=block, places=places)

    with pytest.raises(ValueError, match="smaller"):
        share(bytearray(len(shared.block) - 1))
    with pytest.raises(ValueError, match="another number"):
        share(shared.block, PLACES - 1)
    with pytest.raises(ValueError, match="aligned"):
        share(memoryview(bytearray(len(shared.block) + 8))[1:])
    with pytest.raises(BufferError):
        share(bytes(len(shared.block)))
    with pytest.raises(ValueError, match="no place among"):
        LimitSharing(WorkerSlots(shared.locks, SLOTS), buffer=shared.block, places=PLACES)
    with pytest.raises(RuntimeError, match="no limiter"):
        share(bytearray(len(shared.block))).recover(DEAD)


def test_who_does_not_wait_says_who_lives_and_has_the_lock(shared: Shared) -> None:
    shared.limiter.consume(HELD, KEY)
    shared.hold_place(0, used=1)
    shared.lock_by(1)
    with locked_by_another(shared.locks, 1) as process:
        with pytest.raises(BlockingIOError):
            shared.sharing.recover(DEAD, wait=False)
        assert shared.slots.waiting(0) == (1, 1)
        assert shared.slots.holder(1) == process
        with pytest.raises(BlockingIOError):
            shared.sharing.recover(DEAD, wait=False)
    assert shared.slots.is_dead(1)
    # What the dead one had locked is had by whoever waits for it.
    assert shared.sharing.recover(DEAD, wait=False) == 1
    assert shared.slots.waiting(0) is None


def test_who_does_not_wait_says_who_sees_to_the_place(shared: Shared) -> None:
    with locked_by_another(shared.locks, SLOTS + 1 + DEAD) as process:
        with pytest.raises(BlockingIOError):
            shared.sharing.recover(DEAD, wait=False)
        assert shared.slots.waiting(0) == (DEAD, 1)
        assert shared.slots.holder(DEAD) == process
    assert shared.sharing.recover(DEAD, wait=False) == 0
    assert shared.slots.waiting(0) is None
    assert shared.slots.holder(DEAD) == 0


def test_who_lives_is_not_recovered_and_not_waited_for(shared: Shared) -> None:
    with locked_by_another(shared.locks, 1):
        assert shared.sharing.recover(1, wait=False) is None
        assert shared.slots.waiting(0) is None
