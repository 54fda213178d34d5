"""A copy answers as long as nothing has changed, and not an instant longer."""

import pytest

from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.near import NearCopies
from blrcs_native.cache.space import StoredEntry
from blrcs_native.cache.stamps import CacheStamps
from tests.unit.native.tokens.token_factory import NOW_NS, FakeClock

WALL_NS = 10**18


class Near:
    """A worker's copies, and the keeper's hand on their stamps."""

    def __init__(self, *, max_entries: int = 10, max_bytes: int = 1000, namespaces: int = 2):
        buffer = bytearray(CacheStamps.size_bytes_for(65_536))
        self.clock = FakeClock()
        self.stamps = CacheStamps(buffer)
        self.hits = CacheHits(bytearray(8 * 4))
        self.wall_ns = WALL_NS
        self.made = 0
        self.copies = NearCopies(
            self.stamps,
            self.hits,
            bounds=lambda name: (max_entries, max_bytes if name == "n" else 10),
            max_namespaces=namespaces,
            make=self._made,
            clock=lambda: self.wall_ns + self.clock(),
            monotonic=self.clock,
        )

    def _made(self, *shown: object) -> tuple[object, ...]:
        self.made += 1
        return shown

    def keep(
        self,
        key: str = "k",
        value: bytes = b"v",
        *,
        name: str = "n",
        deadline_ns: int | None = None,
        column: int | None = 0,
    ) -> StoredEntry:
        entry = StoredEntry(key, value, "t", deadline_ns)
        self.copies.keep(name, key, self.copies.stamp(name, key), entry, column)
        return entry

    def has(self, key: str = "k", name: str = "n") -> bool:
        return self.copies.get(name, key) is not None


@pytest.fixture
def near() -> Near:
    return Near()


def test_a_copy_answers_again_and_again(near: Near) -> None:
    assert not near.has()
    near.keep()
    assert [near.copies.get("n", "k") for _ in range(3)] == [("k", b"v", "t", 0, None)] * 3
    assert near.made == 1
    assert not near.has("other")
    assert not near.has(name="m")
    assert near.hits[0] == 3


def test_a_change_of_the_entry_ends_it(near: Near) -> None:
    near.keep()
    near.stamps.of("n").bump("k")
    assert not near.has()
    near.keep()
    assert near.has()


def test_a_change_of_the_namespace_or_of_all_ends_it(near: Near) -> None:
    for change in (near.stamps.of("n").bump_whole, near.stamps.bump_all):
        near.keep()
        assert near.has()
        change()
        assert not near.has()


def test_what_changed_while_the_keeper_was_asked_is_no_copy(near: Near) -> None:
    stamp = near.copies.stamp("n", "k")
    near.stamps.of("n").bump("k")
    near.copies.keep("n", "k", stamp, StoredEntry("k", b"old", "t", None), 0)
    assert not near.has()


def test_a_late_answer_does_not_replace_a_good_copy(near: Near) -> None:
    stamp = near.copies.stamp("n", "k")
    near.stamps.of("n").bump("k")
    near.keep(value=b"new")
    near.copies.keep("n", "k", stamp, StoredEntry("k", b"old", "t", None), 0)
    assert near.copies.get("n", "k")[1] == b"new"


def test_a_copy_ends_at_the_instant_of_its_entry(near: Near) -> None:
    near.keep(deadline_ns=NOW_NS + 5)
    near.clock.now_ns = NOW_NS + 4
    assert near.has()
    near.clock.now_ns = NOW_NS + 5
    assert not near.has()


def test_the_time_that_is_left_is_told_by_the_clock_on_the_wall(near: Near) -> None:
    entry = near.keep(deadline_ns=NOW_NS + 5)
    near.clock.now_ns += 3
    assert near.copies.expire_time_ns(entry) == WALL_NS + NOW_NS + 5
    assert near.copies.expire_time_ns(near.keep()) is None


def test_what_is_shown_is_kept_until_the_clock_on_the_wall_is_set(near: Near) -> None:
    near.keep(deadline_ns=NOW_NS + 5)
    shown = near.copies.get("n", "k")
    assert shown == ("k", b"v", "t", 0, WALL_NS + NOW_NS + 5)
    near.wall_ns += 999_999
    assert near.copies.get("n", "k") is shown
    for set_by_ns in (1_000_000, 0, -1_000_000):
        near.wall_ns = WALL_NS + set_by_ns
        assert near.copies.get("n", "k")[4] == WALL_NS + set_by_ns + NOW_NS + 5
    assert near.made == 4


def test_what_there_is_no_copy_of_is_shown_likewise(near: Near) -> None:
    entry = StoredEntry("k", b"v", "t", NOW_NS + 5)
    assert near.copies.show("k", entry) == ("k", b"v", "t", 0, WALL_NS + NOW_NS + 5)
    assert near.copies.show("k", StoredEntry("k", b"v", "t", None))[4] is None
    assert not near.has()


def test_copies_are_bounded_and_the_least_recently_used_go() -> None:
    near = Near(max_entries=2)
    near.keep("a")
    near.keep("b")
    assert near.has("a")
    near.keep("c")
    assert [near.has(key) for key in "abc"] == [True, False, True]
    near = Near(max_bytes=10)
    near.keep("a", bytes(3))
    near.keep("b", bytes(3))
    near.keep("c", bytes(3))
    near.keep("d", bytes(20))
    assert [near.has(key) for key in "abcd"] == [False, True, True, False]


def test_namespaces_are_bounded_too(near: Near) -> None:
    for name in ("n", "m", "o"):
        near.keep(name=name)
    assert [near.has(name=name) for name in ("n", "m", "o")] == [False, True, True]
    assert list(near.copies.spaces) == ["m", "o"]


def test_hits_are_counted_where_the_keeper_says(near: Near) -> None:
    near.keep(column=1)
    near.keep(name="m", column=3)
    near.has()
    near.has(name="m")
    near.has(name="m")
    near.has("missing")
    assert [near.hits[column] for column in range(4)] == [0, 1, 0, 2]


def test_without_a_place_for_its_hits_there_is_no_copy(near: Near) -> None:
    near.keep(column=None)
    assert not near.has()
    for beyond in (-1, 4):
        with pytest.raises(IndexError):
            near.keep(column=beyond)


def test_what_was_used_is_told_once_a_round(near: Near) -> None:
    for key in "abc":
        near.keep(key)
    near.keep(name="m")
    assert near.copies.take_used() == {}
    for key in "cacac":
        near.has(key)
    near.has(name="m")
    assert near.copies.take_used() == {"n": ["c", "a"], "m": ["k"]}
    assert near.copies.take_used() == {}
    near.has("a")
    assert near.copies.take_used() == {"n": ["a"]}


def test_no_more_is_told_at_once_than_the_keeper_can_take() -> None:
    near = Near(max_entries=20_000, max_bytes=1 << 20)
    keys = [str(number) for number in range(10_500)]
    for key in keys:
        near.keep(key)
    for told in (keys[:10_000], keys[:10_000]):
        assert all(near.has(key) for key in keys)
        assert near.copies.take_used() == {"n": told}
