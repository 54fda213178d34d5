"""Namespaces: how many there are, how much they hold, and what is known of them."""

import pytest

from blrcs.domain.cache_entry import Presence, SetCondition
from blrcs.domain.errors import ResourceExhaustedError
from tests.conformance.cache.test_entries import S, put


async def test_reading_a_namespace_that_does_not_exist_does_not_make_it(make):
    store = (await make(max_namespaces=1)).store
    assert await store.get("n", "k") is None
    assert await store.get_many("n", ["k"]) == []
    assert await store.delete("n", "k") is False
    assert await store.touch("n", "k", 1) is None
    assert await store.flush("n") == 0
    figures = await store.figures("n")
    assert (figures.entries, figures.misses, figures.max_entries) == (0, 0, 100_000)
    watch = store.watch("n", "")
    await anext(watch)
    assert await put(store, namespace="other")
    await watch.aclose()


async def test_a_write_that_is_refused_does_not_keep_others_from_making_theirs(make):
    store = (await make(max_namespaces=1, max_bytes=10)).store
    assert await store.set("n", "k", b"", "", None, SetCondition(Presence.PRESENT)) is None
    assert await store.set("n", "k", b"", "", None, SetCondition(version=1)) is None
    with pytest.raises(ResourceExhaustedError):
        await put(store, value=b"x" * 11)
    assert await put(store, namespace="other")


async def test_there_are_only_so_many_namespaces(make):
    world = await make(max_namespaces=2)
    await put(world.store, namespace="a")
    await world.stores[-1].increment("b", "k", 1, None)
    for store in world.stores:
        for write in (put(store, namespace="c"), store.increment("c", "k", 1, None)):
            with pytest.raises(ResourceExhaustedError) as refused:
                await write
            assert refused.value.reason == "CACHE_NAMESPACES_EXHAUSTED"
        assert await put(store, namespace="a")


async def test_an_empty_namespace_gives_way_and_its_versions_do_not_come_back(make):
    store = (await make(max_namespaces=1)).store
    first = await put(store, namespace="a")
    with pytest.raises(ResourceExhaustedError):
        await put(store, namespace="b")
    await store.delete("a", "k")
    await put(store, namespace="b")
    await store.delete("b", "k")
    assert await put(store, namespace="a") > first


async def test_a_flushed_namespace_gives_way_when_its_memory_is_freed(make):
    """And no earlier: nobody tends one that has given way."""
    world = await make(max_namespaces=1)
    for key in "abc":
        await put(world.store, key=key, namespace="a")
    await world.store.flush("a")
    with pytest.raises(ResourceExhaustedError):
        await put(world.store, namespace="b")
    freed = await world.reclaim()
    assert freed == 3
    await put(world.store, namespace="b")


async def test_an_entry_counts_the_bytes_of_key_value_and_content_type(make):
    store = (await make()).store
    await put(store, key="ä", value=b"123", content_type="é")
    assert (await store.figures("n")).size_bytes == 2 + 3 + 2
    await put(store, key="ä", value=b"1", content_type="é")
    await put(store, key="b", value=b"", content_type="")
    figures = await store.figures("n")
    assert (figures.entries, figures.size_bytes) == (2, 5 + 1)
    await store.delete("n", "ä")
    assert (await store.figures("n")).size_bytes == 1


async def test_an_entry_as_large_as_the_namespace_fits_and_a_larger_one_does_not(make):
    store = (await make(max_bytes=10)).store
    await put(store, key="a", value=b"12345678", content_type="t")
    with pytest.raises(ResourceExhaustedError) as refused:
        await put(store, key="a", value=b"123456789", content_type="t")
    assert refused.value.reason == "CACHE_ENTRY_TOO_LARGE"
    assert refused.value.message == "the entry has 11 bytes, the namespace holds 10"
    assert (await store.get("n", "a")).value == b"12345678"


async def test_a_number_that_grows_out_of_its_namespace_stays(make):
    store = (await make(max_bytes=13)).store
    await put(store, value=b"99", content_type="text/plain")
    with pytest.raises(ResourceExhaustedError) as refused:
        await store.increment("n", "k", 1, None)
    assert refused.value.message == "the entry has 14 bytes, the namespace holds 13"
    assert (await store.get("n", "k")).value == b"99"


async def test_the_least_recently_used_give_way(make):
    store = (await make(max_entries=3)).store
    for key in "abc":
        await put(store, key)
    await store.get_many("n", ["a"])
    await store.touch("n", "b", None)
    await put(store, "d")
    await store.increment("n", "e", 1, None)
    found = await store.get_many("n", list("abcde"))
    assert [each.key for each in found] == ["b", "d", "e"]
    figures = await store.figures("n")
    assert (figures.entries, figures.evictions) == (3, 2)


async def test_a_large_entry_takes_the_place_of_several(make):
    store = (await make(max_bytes=40)).store
    for key in "abcd":
        await put(store, key, b"12345678")
    await put(store, "e", b"x" * 20)
    found = await store.get_many("n", list("abcde"))
    assert [each.key for each in found] == ["d", "e"]
    assert (await store.figures("n")).size_bytes == 10 + 22


async def test_what_copies_answer_counts_as_used(make):
    world = await make(max_entries=2)
    await put(world.store, "a")
    await put(world.store, "b")
    await world.store.get("n", "a")
    await world.stores[-1].get("n", "a")
    await world.stores[-1].get("n", "b")
    for store in world.stores:
        await world.report(store)
    await world.store.get("n", "a")
    for store in world.stores:
        await world.report(store)
    await put(world.stores[-1], "c")
    found = await world.store.get_many("n", list("abc"))
    assert [each.key for each in found] == ["a", "c"]


async def test_hits_and_misses_are_those_of_all(make):
    world = await make()
    await put(world.store)
    for store in world.stores:
        for _ in range(3):
            await store.get("n", "k")
        await store.get("n", "missing")
        await store.get_many("n", ["k", "missing"])
        await world.report(store)
    figures = await world.store.figures("n")
    count = len(world.stores)
    assert (figures.hits, figures.misses) == (4 * count, 2 * count)


async def test_incrementing_and_touching_are_no_reads(make):
    store = (await make()).store
    await store.increment("n", "k", 1, None)
    await store.increment("n", "k", 1, None)
    await store.touch("n", "k", S)
    await store.touch("n", "missing", S)
    figures = await store.figures("n")
    assert (figures.hits, figures.misses) == (0, 0)


async def test_what_was_flushed_counts_no_more_although_its_memory_is_freed_later(make):
    world = await make()
    store = world.store
    for key in "abc":
        await put(store, key)
    for each in world.stores:
        await each.get("n", "a")
    assert await world.stores[-1].flush("n") == 3
    assert await store.get("n", "a") is None
    assert await store.get_many("n", ["a", "b"]) == []
    assert await store.flush("n") == 0
    figures = await store.figures("n")
    assert (figures.entries, figures.size_bytes) == (0, 0)
    await put(store, "a", b"123")
    figures = await store.figures("n")
    assert (figures.entries, figures.size_bytes) == (1, 5)
    assert await store.flush("n") == 1
    while await world.reclaim():
        pass
    figures = await store.figures("n")
    assert (figures.entries, figures.size_bytes, figures.expirations) == (0, 0, 0)


async def test_what_is_set_after_a_flush_is_not_reclaimed_with_what_was_before(make):
    world = await make()
    for key in "abc":
        await put(world.store, key)
    await world.store.flush("n")
    await put(world.store, "b", b"new")
    while await world.reclaim():
        pass
    found = await world.store.get_many("n", list("abc"))
    assert [(each.key, each.value) for each in found] == [("b", b"new")]


async def test_expired_entries_are_reclaimed_although_nobody_reads(make):
    world = await make()
    for key in "abc":
        await put(world.store, key, ttl_ns=60 * S)
    await put(world.store, "lasting")
    world.advance(60 * S)
    assert (await world.store.figures("n")).entries == 4
    assert await world.reclaim() == 3
    figures = await world.store.figures("n")
    assert (figures.entries, figures.expirations) == (1, 3)
    assert await world.reclaim() == 0
