"""The cache that another process keeps does what one in memory does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blrcs.cache import watchers
from blrcs.cache.frames import Frames, frame
from blrcs.cache.near import near_copies
from blrcs.cache.remote import RemoteCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEvent, CacheEventKind, Presence, SetCondition
from blrcs.domain.errors import (
    FailedPreconditionError,
    ResourceExhaustedError,
    UnavailableError,
)
from tests.unit.cache.kept_at_hand import Shared
from tests.unit.cache.kept_behind_socket import Keeper

ANY = SetCondition()
HOUR_NS = 3600 * 10**9


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    keeper = await Keeper.start(tmp_path / "cache.sock", Shared(Cache(max_bytes=1000), 2))
    yield keeper
    keeper.end()


@pytest.fixture
async def caches(keeper: Keeper) -> AsyncIterator[list[RemoteCache]]:
    shared = keeper.shared
    caches = [
        RemoteCache(keeper.path, near_copies(shared.settings, shared.stamps, hits))
        for hits in shared.hits
    ]
    yield caches
    for cache in caches:
        cache.close()


async def put(cache: RemoteCache, key: str = "k", value: bytes = b"v") -> int | None:
    return await cache.set("n", key, value, "t", None, ANY)


async def test_what_one_sets_the_other_gets(caches: list[RemoteCache]) -> None:
    one, other = caches
    assert await other.get("n", "k") is None
    version = await one.set("n", "k", b"\0\xff", "text/x", HOUR_NS, ANY)
    found = await other.get("n", "k")
    assert found is not None
    assert found.expire_time_ns is not None
    assert (found.value, found.content_type, found.version) == (b"\0\xff", "text/x", version)
    assert [each.key for each in await other.get_many("n", ["x", "k"])] == ["k"]
    touched = await other.touch("n", "k", None)
    assert touched is not None
    assert touched.expire_time_ns is None
    assert await other.delete("n", "k") is True
    assert await one.get("n", "k") is None
    assert await one.delete("n", "k") is False
    assert await one.touch("n", "k", 1) is None


async def test_of_those_who_set_what_is_absent_one_does(caches: list[RemoteCache]) -> None:
    absent = SetCondition(Presence.ABSENT)
    versions = await asyncio.gather(
        *(cache.set("n", "k", b"v", "", None, absent) for cache in caches * 10)
    )
    assert len([each for each in versions if each is not None]) == 1


async def test_of_those_who_set_one_version_one_does(caches: list[RemoteCache]) -> None:
    version = await put(caches[0])
    held = SetCondition(version=version)
    versions = await asyncio.gather(
        *(cache.set("n", "k", b"w", "", None, held) for cache in caches * 10)
    )
    assert len([each for each in versions if each is not None]) == 1


async def test_no_increment_is_lost(caches: list[RemoteCache]) -> None:
    await asyncio.gather(*(cache.increment("n", "k", 1, None) for cache in caches * 50))
    number, _ = await caches[0].increment("n", "k", 0, None)
    assert number == 100


async def test_errors_are_those_of_the_store(caches: list[RemoteCache]) -> None:
    one, _ = caches
    with pytest.raises(ResourceExhaustedError) as refused:
        await put(one, value=b"x" * 1001)
    assert refused.value.reason == "CACHE_ENTRY_TOO_LARGE"
    await put(one)
    with pytest.raises(FailedPreconditionError) as failed:
        await one.increment("n", "k", 1, None)
    assert failed.value.reason == "NOT_A_NUMBER"


async def test_what_the_keeper_does_not_expect_is_told_to_nobody(
    caches: list[RemoteCache], keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper.store, "find", lambda *_: 1 // 0)
    with pytest.raises(RuntimeError, match="the cache failed"):
        await caches[0].get("n", "k")


async def test_figures_and_flush_are_those_of_all(caches: list[RemoteCache]) -> None:
    one, other = caches
    await put(one, "a")
    await put(other, "b")
    await one.get("n", "a")
    await other.get("n", "missing")
    figures = await one.figures("n")
    assert figures == await other.figures("n")
    assert (figures.entries, figures.hits, figures.misses) == (2, 1, 1)
    assert await other.flush("n") == 2
    assert await one.get("n", "a") is None


async def test_what_copies_answer_counts_as_used_by_the_keeper(
    caches: list[RemoteCache], keeper: Keeper
) -> None:
    one, other = caches
    for key in "ab":
        await put(one, key)
        await other.get("n", key)
    await other.get("n", "a")
    assert other.reclaim() == 0
    await one.get("n", "missing")  # another connection says nothing of this one
    await other.get("n", "missing")
    assert list(keeper.store.namespaces["n"].entries) == ["b", "a"]


async def test_a_worker_without_a_keeper_tells_nobody(caches: list[RemoteCache]) -> None:
    assert caches[0].reclaim() == 0


async def test_a_watch_tells_of_what_any_of_them_does(caches: list[RemoteCache]) -> None:
    one, other = caches
    watch = other.watch("n", "a")
    assert (await anext(watch)).kind is CacheEventKind.STARTED
    version = await put(one, "abc")
    await put(one, "b")
    await one.delete("n", "abc")
    await one.flush("n")
    assert [await anext(watch) for _ in range(3)] == [
        CacheEvent(CacheEventKind.SET, "abc", version),
        CacheEvent(CacheEventKind.DELETED, "abc", version),
        CacheEvent(CacheEventKind.FLUSHED),
    ]
    await watch.aclose()


async def test_a_watch_that_is_closed_is_forgotten_by_the_keeper(
    caches: list[RemoteCache], keeper: Keeper
) -> None:
    watch = caches[0].watch("n", "")
    await anext(watch)
    assert keeper.store._watchers.count("n") == 1
    await watch.aclose()
    await put(caches[0])
    for _ in range(100):
        await asyncio.sleep(0)
    assert keeper.store._watchers.count("n") == 0


async def test_a_watcher_that_does_not_read_is_let_go(
    caches: list[RemoteCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = caches
    watch = other.watch("n", "")
    await anext(watch)
    monkeypatch.setattr(watchers, "MAX_PENDING", 10)
    for number in range(30):
        await put(one, str(number))
    await other.get("n", "k")  # by now it has been told all
    with pytest.raises(ResourceExhaustedError) as ended:
        await anext(watch)
    assert ended.value.reason == "WATCHER_TOO_SLOW"


async def test_watches_end_where_their_process_does(caches: list[RemoteCache]) -> None:
    one, _ = caches
    watch = one.watch("n", "")
    await anext(watch)
    one.finish_watching()
    with pytest.raises(UnavailableError):
        await anext(watch)
    with pytest.raises(UnavailableError):
        await anext(one.watch("n", ""))


async def test_a_keeper_that_ends_leaves_nobody_waiting_and_its_successor_is_found(
    caches: list[RemoteCache], keeper: Keeper
) -> None:
    one, other = caches
    before = await put(one)
    watch = other.watch("n", "")
    await anext(watch)
    asking = [asyncio.ensure_future(one.get("n", "k")) for _ in range(5)]
    keeper.end()
    for each in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(each, UnavailableError)
    with pytest.raises(UnavailableError):
        await anext(watch)
    with pytest.raises(UnavailableError):  # nobody listens
        await one.get("n", "k")
    successor = await Keeper.start(keeper.path, keeper.shared)
    assert await one.get("n", "k") is None
    after = await put(one)
    assert before is not None
    assert after is not None
    assert after > before
    successor.end()


async def test_who_stops_asking_disturbs_no_other(caches: list[RemoteCache]) -> None:
    one, _ = caches
    await put(one)
    asking = asyncio.ensure_future(one.get("n", "k"))
    await asyncio.sleep(0)
    asking.cancel()
    found = await one.get("n", "k")
    assert found is not None


messages = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.tuples(st.text(), st.binary(max_size=300), st.none())),
    max_size=10,
)


@given(messages, st.data())
def test_frames_arrive_as_they_were_sent_however_they_are_cut(
    sent: list[tuple[int, tuple[object, ...]]], data: st.DataObject
) -> None:
    stream = b"".join(frame(number, message) for number, message in sent)
    frames, arrived = Frames(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        arrived += frames.feed(stream[:size])
        stream = stream[size:]
    assert arrived == sent
