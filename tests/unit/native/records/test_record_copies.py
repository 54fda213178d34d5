"""A copy of a record answers as long as nothing has changed, and not an instant longer."""

import pytest

from blrcs_native.cache.stamps import CacheStamps
from blrcs_native.records.copies import RecordCopies, RecordCopy
from tests.unit.native.tokens.token_factory import NOW_NS, FakeClock

WALL_NS = 10**18
ORDERS, USERS = "tenants/acme/collections/orders", "tenants/acme/collections/users"
NAME = f"{ORDERS}/records/7"
OTHER = f"{ORDERS}/records/8"
THEIRS = f"{USERS}/records/7"


class Process:
    """One that has copies; those of a server have their stamps in common."""

    def __init__(self, stamps: CacheStamps, clock: FakeClock, max_bytes: int = 10_000) -> None:
        self.copies = RecordCopies(
            stamps, max_bytes=max_bytes, clock=lambda: WALL_NS + clock(), monotonic=clock
        )
        self.copies.good_until_ns = NOW_NS + 1000

    def keep(
        self,
        name: str = NAME,
        encoded: bytes = b"1",
        *,
        sealed: dict[str, bytes] | None = None,
        expire_time_ns: int | None = None,
    ) -> None:
        collection = name.rpartition("/records/")[0]
        stamp = self.copies.stamp(collection, name)
        self.copies.keep(collection, name, stamp, encoded, sealed, expire_time_ns)

    def has(self, name: str = NAME) -> bool:
        return self.copies.find(name) is not None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stamps() -> CacheStamps:
    return CacheStamps(bytearray(CacheStamps.size_bytes_for(65_536)))


@pytest.fixture
def process(stamps: CacheStamps, clock: FakeClock) -> Process:
    return Process(stamps, clock)


def test_a_copy_answers_again_and_again(process: Process) -> None:
    assert not process.has()
    process.keep(encoded=b"x", sealed={"a": b"y"})
    for _ in range(3):
        copy = process.copies.find(NAME)
        assert copy is not None
        assert (copy.encoded, copy.sealed) == (b"x", {"a": b"y"})
    assert not process.has(OTHER)


def test_a_change_by_any_process_ends_all_copies(
    process: Process, stamps: CacheStamps, clock: FakeClock
) -> None:
    other = Process(stamps, clock)
    for each in (process, other):
        each.keep()
        each.keep(OTHER)
    process.copies.changed(ORDERS, [NAME])
    assert [each.has() for each in (process, other)] == [False, False]
    assert [each.has(OTHER) for each in (process, other)] == [True, True]


def test_a_change_of_a_whole_collection_leaves_the_others(process: Process) -> None:
    for name in (NAME, OTHER, THEIRS):
        process.keep(name)
    process.copies.all_changed(ORDERS)
    assert [process.has(name) for name in (NAME, OTHER, THEIRS)] == [False, False, True]


@pytest.mark.parametrize("whole", [False, True])
def test_what_was_read_while_it_changed_is_not_kept(process: Process, *, whole: bool) -> None:
    stamp = process.copies.stamp(ORDERS, NAME)
    if whole:
        process.copies.all_changed(ORDERS)
    else:
        process.copies.changed(ORDERS, [NAME])
    process.copies.keep(ORDERS, NAME, stamp, b"old", None, None)
    assert not process.has()


def test_no_copy_outlasts_the_last_look(process: Process, clock: FakeClock) -> None:
    process.keep()
    clock.now_ns = NOW_NS + 999
    assert process.has()
    clock.now_ns += 1
    assert not process.has()
    # What has not changed meanwhile is good again.
    process.copies.good_until_ns = clock.now_ns + 1
    assert process.has()


def test_nothing_is_good_before_the_first_look(stamps: CacheStamps) -> None:
    copies = RecordCopies(stamps, max_bytes=1000)
    copies.keep(ORDERS, NAME, copies.stamp(ORDERS, NAME), b"1", None, None)
    assert copies.find(NAME) is None


def test_a_copy_ends_with_its_record(process: Process, clock: FakeClock) -> None:
    process.keep(expire_time_ns=WALL_NS + NOW_NS + 10)
    clock.now_ns += 9
    assert process.has()
    clock.now_ns += 1
    assert not process.has()
    assert len(process.copies) == 0


def test_the_systems_clocks_are_the_default(stamps: CacheStamps) -> None:
    copies = RecordCopies(stamps, max_bytes=1000)
    copies.good_until_ns = 1 << 62
    for name, expire_time_ns in ((NAME, 1), (OTHER, 1 << 62)):
        copies.keep(ORDERS, name, copies.stamp(ORDERS, name), b"1", None, expire_time_ns)
    assert copies.find(NAME) is None
    assert copies.find(OTHER) is not None


def test_what_is_used_least_makes_room(stamps: CacheStamps, clock: FakeClock) -> None:
    process = Process(stamps, clock, max_bytes=1000)
    process.keep(NAME, bytes(100))
    process.keep(OTHER, bytes(100))
    assert process.has()
    process.keep(THEIRS, bytes(100))
    assert [process.has(name) for name in (NAME, OTHER, THEIRS)] == [True, False, True]
    assert process.copies.used_bytes <= 1000
    process.keep(OTHER, bytes(1000))
    assert not process.has(OTHER)


def test_sealed_values_take_room(stamps: CacheStamps, clock: FakeClock) -> None:
    process = Process(stamps, clock)
    process.keep(NAME)
    plain = process.copies.used_bytes
    process.keep(OTHER, sealed={"a": bytes(500)})
    assert process.copies.used_bytes > 2 * plain + 500


def test_copies_are_made_by_keeping(process: Process) -> None:
    del process
    with pytest.raises(TypeError):
        RecordCopy()
