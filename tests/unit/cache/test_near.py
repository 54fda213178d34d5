"""Workers with copies are one cache."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.cache.memory import MemoryCache
from blrcs.cache.near import NearHits, near_copies
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import Presence, SetCondition
from blrcs.domain.errors import DomainError
from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.space import StoredEntry
from blrcs_native.cache.stamps import CacheStamps
from tests.unit.cache.kept_at_hand import RemoteAtHand, Shared
from tests.unit.native.tokens.token_factory import FakeClock

WORKERS = 3
SETTINGS = Cache.model_validate(
    {"max_entries": 3, "max_bytes": 200, "max_namespaces": 2, "namespaces": {"n": {}}}
)
ANY = SetCondition()


def outcome(call: Any) -> Any:
    """What a call gives that does not wait."""
    try:
        call.send(None)
    except StopIteration as ended:
        return ended.value
    except DomainError as error:
        return error.code, error.reason
    raise AssertionError("nothing here waits")


NAMESPACES = st.sampled_from(["n"] * 5 + ["m", "o"])
KEYS = st.sampled_from("abcd")
TTLS = st.sampled_from([None, None, 1, 5, 50])
CONDITIONS = st.sampled_from(
    [ANY] * 4 + [SetCondition(Presence.ABSENT), SetCondition(Presence.PRESENT)]
)
VALUES = st.sampled_from([b"1", b"22", b"x" * 90, b"x" * 300])
ENTRY = st.tuples(NAMESPACES, KEYS)
CALLS = st.one_of(
    *[st.tuples(st.just("get"), ENTRY)] * 4,
    st.tuples(st.just("get_many"), st.tuples(NAMESPACES, st.lists(KEYS, max_size=3))),
    st.tuples(
        st.just("set"),
        st.tuples(NAMESPACES, KEYS, VALUES, st.just("t"), TTLS, CONDITIONS),
    ),
    st.tuples(st.just("delete"), ENTRY),
    st.tuples(st.just("increment"), st.tuples(NAMESPACES, KEYS, st.integers(-2, 2), TTLS)),
    st.tuples(st.just("touch"), st.tuples(NAMESPACES, KEYS, TTLS)),
    st.tuples(st.just("flush"), st.tuples(NAMESPACES)),
    st.tuples(st.just("figures"), st.tuples(NAMESPACES)),
    st.tuples(st.just("restart"), st.just(())),
    st.tuples(st.just("reclaim"), st.just(())),
)
STEPS = st.lists(
    st.tuples(st.integers(0, WORKERS - 1), CALLS, st.sampled_from([0, 0, 0, 1, 4, 60])),
    max_size=60,
)


@given(STEPS)
@settings(deadline=None)
def test_nobody_can_tell_how_many_workers_there_are(steps: Any) -> None:
    clock = FakeClock()
    shared = Shared(SETTINGS, WORKERS)
    keeper = shared.keeper(clock)
    workers = [shared.worker(keeper, clock, number) for number in range(WORKERS)]
    model = MemoryCache(SETTINGS, clock=clock, monotonic=clock)
    for number, (method, arguments), passed_ns in steps:
        clock.now_ns += passed_ns
        if method == "restart":
            keeper = shared.keeper(clock)
            for worker in workers:
                worker.keeper = keeper
            model = MemoryCache(SETTINGS, clock=clock, monotonic=clock)
        elif method == "reclaim":
            assert keeper.reclaim() == model.reclaim()
        else:
            found = outcome(getattr(workers[number], method)(*arguments))
            assert found == outcome(getattr(model, method)(*arguments))
        # Told at once, copies keep their entries as recently used as asking would.
        workers[number].reclaim()


class Interrupted(RemoteAtHand):
    """Between what it asks and is told, something happens."""

    before: Any = None
    after: Any = None

    async def _ask(self, method: str, *arguments: object) -> Any:
        if self.before is not None:
            await self.before
        answer = await super()._ask(method, *arguments)
        if self.after is not None:
            await self.after
        return answer


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_changes_while_the_keeper_is_asked_is_seen_by_the_next_get(when: str) -> None:
    clock = FakeClock()
    shared = Shared(SETTINGS, 2)
    keeper = shared.keeper(clock)
    writer = shared.worker(keeper, clock)
    reader = Interrupted(keeper, shared.worker(keeper, clock, 1).near)
    outcome(writer.set("n", "k", b"old", "t", None, ANY))
    setattr(reader, when, writer.set("n", "k", b"new", "t", None, ANY))
    outcome(reader.get("n", "k"))
    reader.before = reader.after = None
    assert outcome(reader.get("n", "k")).value == b"new"


def test_what_an_ended_keeper_answered_is_no_copy() -> None:
    clock = FakeClock()
    shared = Shared(SETTINGS, 1)
    keeper = shared.keeper(clock)
    reader = Interrupted(keeper, shared.worker(keeper, clock).near)
    outcome(reader.set("n", "k", b"old", "t", None, ANY))

    async def restart() -> None:
        reader.keeper = shared.keeper(clock)

    reader.after = restart()
    assert outcome(reader.get("n", "k")).value == b"old"
    reader.after = None
    assert outcome(reader.get("n", "k")) is None


def test_copies_answer_without_the_keeper() -> None:
    clock = FakeClock()
    shared = Shared(SETTINGS, 1)
    worker = shared.worker(shared.keeper(clock), clock)
    outcome(worker.set("n", "k", b"v", "t", 10, ANY))
    first = outcome(worker.get("n", "k"))
    asked = worker.asked
    assert [outcome(worker.get("n", "k")) for _ in range(5)] == [first] * 5
    assert worker.asked == asked
    assert outcome(worker.figures("n")).hits == 6


def test_copies_are_used_as_long_as_they_are_said_to_be_good() -> None:
    clock = FakeClock()
    shared = Shared(SETTINGS, 1)
    worker = shared.worker(shared.keeper(clock), clock)
    outcome(worker.set("n", "k", b"v", "t", None, ANY))
    outcome(worker.get("n", "k"))
    worker.near.good_until_ns = clock() + 5
    assert worker.near.get("n", "k") is not None
    clock.now_ns += 5
    assert worker.near.get("n", "k") is None
    worker.near.good_until_ns = clock() + 1
    assert worker.near.get("n", "k") is not None


def test_a_worker_has_copies_of_its_share() -> None:
    given = Cache.model_validate(
        {"max_entries": 50, "near_percent": 4, "namespaces": {"m": {"max_bytes": 100}}}
    )
    stamps = CacheStamps(bytearray(CacheStamps.size_bytes_for(64)))
    near = near_copies(given, stamps, CacheHits(bytearray(64)))

    def kept(name: str, sizes: list[int]) -> list[bool]:
        for number, size in enumerate(sizes):
            key = str(number)
            entry = StoredEntry(key, bytes(size - 1), "", None)
            near.keep(name, key, near.stamp(name, key), entry, 0)
        return [near.get(name, str(number)) is not None for number in range(len(sizes))]

    assert kept("n", [10, 10, 10]) == [False, True, True]
    assert kept("m", [3, 2, 2, 5]) == [False, True, True, False]


class Spaces:
    """Namespaces, with columns for two of them in two rows."""

    def __init__(self) -> None:
        self.rows = [bytearray(16), bytearray(16)]
        self.existing: dict[str, object] = {}
        self.hits = NearHits([CacheHits(row) for row in self.rows], self.existing)

    def add(self, row: int, column: int | None, count: int) -> None:
        assert column is not None
        numbers = memoryview(self.rows[row]).cast("Q")
        numbers[column] += count


def test_hits_of_all_processes_are_added_up() -> None:
    spaces = Spaces()
    spaces.existing |= {"n": object(), "m": object()}
    column = spaces.hits.column("n")
    assert spaces.hits.column("n") == column != spaces.hits.column("m")
    spaces.add(0, column, 3)
    spaces.add(1, column, 4)
    assert (spaces.hits.count("n"), spaces.hits.count("m")) == (7, 0)


def test_a_namespace_that_is_made_anew_begins_with_no_hits() -> None:
    spaces = Spaces()
    spaces.existing["n"] = object()
    spaces.add(0, spaces.hits.column("n"), 3)
    spaces.existing["n"] = object()
    assert spaces.hits.count("n") == 0
    spaces.add(1, spaces.hits.column("n"), 2)
    assert spaces.hits.count("n") == 2


def test_columns_of_namespaces_that_are_gone_are_used_again() -> None:
    spaces = Spaces()
    spaces.existing |= {name: object() for name in "abc"}
    one, other = spaces.hits.column("a"), spaces.hits.column("b")
    assert {one, other} == {0, 1}
    assert spaces.hits.column("c") is None
    spaces.add(0, one, 5)
    del spaces.existing["a"]
    assert spaces.hits.column("c") == one
    assert (spaces.hits.count("a"), spaces.hits.count("c")) == (0, 0)
