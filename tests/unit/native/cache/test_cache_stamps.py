"""A stamp grows with every change of its entry, and with those of all."""

import gc

import pytest

from blrcs_native.cache.hits import CacheHits
from blrcs_native.cache.stamps import CacheStamps, NamespaceStamps

COUNT = 1024


def memory(key: bytes = bytes(range(16)), count: int = COUNT) -> bytearray:
    buffer = bytearray(CacheStamps.size_bytes_for(count))
    CacheStamps.lay_out(buffer, key)
    return buffer


def test_a_bump_is_seen_by_all_who_have_the_memory() -> None:
    shared = memory()
    one, other = CacheStamps(shared).of("n"), CacheStamps(shared).of("n")
    before = other.stamp("k")
    one.bump("k")
    assert other.stamp("k") == before + 1


def test_a_bump_concerns_its_entry_and_hardly_another() -> None:
    stamps = CacheStamps(memory()).of("n")
    keys = [str(number) for number in range(COUNT)]
    before = {key: stamps.stamp(key) for key in keys}
    stamps.bump("0")
    moved = [key for key in keys if stamps.stamp(key) != before[key]]
    assert "0" in moved
    assert len(moved) < 10


def test_a_namespace_is_bumped_as_a_whole() -> None:
    stamps = CacheStamps(memory())
    whole, other = stamps.of("n"), stamps.of("m")
    keys = [str(number) for number in range(100)]
    before = [whole.stamp(key) for key in keys]
    untouched = [other.stamp(key) for key in keys]
    whole.bump_whole()
    assert all(whole.stamp(key) > old for key, old in zip(keys, before, strict=True))
    moved = [other.stamp(key) != old for key, old in zip(keys, untouched, strict=True)]
    assert sum(moved) < 10


def test_all_are_bumped_at_once() -> None:
    stamps = CacheStamps(memory())
    spaces = [stamps.of(name) for name in ("n", "m")]
    before = [space.stamp(str(key)) for space in spaces for key in range(100)]
    stamps.bump_all()
    after = [space.stamp(str(key)) for space in spaces for key in range(100)]
    assert all(new > old for new, old in zip(after, before, strict=True))


@pytest.mark.parametrize("other", [("m", "k"), ("nk", ""), ("n", "kk"), ("", "nk")])
def test_which_number_counts_is_known_to_those_with_the_key_alone(other: tuple[str, str]) -> None:
    def together(key: bytes) -> bool:
        stamps = CacheStamps(memory(key))
        one = stamps.of("n")
        before = one.stamp("k")
        stamps.of(other[0]).bump(other[1])
        return one.stamp("k") != before

    shared = [together(number.to_bytes(16, "little")) for number in range(200)]
    assert sum(shared) < 10


def test_stamps_keep_their_memory() -> None:
    space = CacheStamps(memory()).of("n")
    gc.collect()
    before = space.stamp("ключ")
    space.bump("ключ")
    assert space.stamp("ключ") > before


def test_an_unfit_buffer_raises() -> None:
    for size in (0, 64, 71, CacheStamps.size_bytes_for(3), CacheStamps.size_bytes_for(4) + 1):
        with pytest.raises(ValueError, match="size"):
            CacheStamps(bytearray(size))
    with pytest.raises(ValueError, match="aligned"):
        CacheStamps(memoryview(bytearray(CacheStamps.size_bytes_for(4) + 4))[4:])
    with pytest.raises(BufferError):
        CacheStamps(bytes(CacheStamps.size_bytes_for(4)))
    with pytest.raises(ValueError, match="16 bytes"):
        CacheStamps.lay_out(bytearray(128), b"short")
    with pytest.raises(TypeError, match="made by"):
        NamespaceStamps()


def test_hits_are_numbers_in_the_memory_that_is_given() -> None:
    hits = CacheHits(bytearray(bytes(8) + (7).to_bytes(8, "little")))
    assert (hits.count, hits[0], hits[1]) == (2, 0, 7)
    for beyond in (-1, 2):
        with pytest.raises(IndexError):
            hits[beyond]
    with pytest.raises(ValueError, match="aligned"):
        CacheHits(memoryview(bytearray(20))[4:])
    with pytest.raises(BufferError):
        CacheHits(bytes(8))
