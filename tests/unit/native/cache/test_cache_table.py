"""Keys are found again wherever the table puts them, and its memory stays bounded."""

import sys

import pytest

from blrcs_native.cache.caches import LruCache
from tests.unit.native.cache.cache_factory import Colliding, Meddler, grow


def test_many_keys_of_every_kind_are_found_again_after_growth_and_deletion():
    cache = LruCache(20_000)
    keys = [*range(5_000), *map(str, range(5_000)), *((n, "x") for n in range(5_000))]
    keys += [n << 40 for n in range(1, 5_000)]
    for key in keys:
        cache.set(key, key)
    for key in keys[::3]:
        assert cache.delete(key)
    assert [cache.get(key) for key in keys[::3]] == [None] * len(keys[::3])
    left = [key for index, key in enumerate(keys) if index % 3]
    assert [cache.get(key) for key in left] == left
    assert list(cache) == left


def test_keys_are_told_apart_by_their_text_alone():
    count = 300_000  # among so many, some share the 32 bits of hash that the table compares
    cache = LruCache(count)
    for number in range(count):
        cache.set(f"{number:08}", number)
    assert len(cache) == count


def test_eq_is_asked_only_where_the_hashes_are_equal():
    cache = LruCache(10)
    cache.set(Meddler(lambda: 1 // 0), "held")
    assert [cache.get(number) for number in range(1_000) if number != 7] == [None] * 999


@pytest.mark.parametrize("meddle", ["delete the first", "grow"])
def test_a_key_is_found_although_eq_moved_it(meddle):
    cache, moves = LruCache(1_000), []

    def move():
        if moves:
            moves.pop()()
        return False

    first, second, third = Colliding(1), Meddler(move), Colliding(3)
    for key in (first, second, third):
        cache.set(key, key)
    moves.append(lambda: grow(cache) if meddle == "grow" else cache.delete(first))
    assert cache.get(Colliding(3)) is third
    assert not moves


def test_memory_stays_within_the_limit_and_clearing_gives_it_back():
    cache = LruCache(100)
    empty_bytes = sys.getsizeof(cache)
    for key in range(100):
        cache.set(key, key)
    cache.set("one more", 1)
    full_bytes = sys.getsizeof(cache)
    for key in range(10_000):
        cache.set(key, key)
        cache.delete(key - 50)
    assert sys.getsizeof(cache) == full_bytes
    cache.clear()
    assert sys.getsizeof(cache) == empty_bytes
