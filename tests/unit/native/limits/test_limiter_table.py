"""The limiter keeps its memory, and goes on with what another left in it."""

import random
import tracemalloc

import pytest

from blrcs_native.limits.limiter import (
    MAX_PERIOD_NS,
    MAX_REQUESTS,
    NEVER_NS,
    Limiter,
    Rule,
)
from blrcs_native.limits.table import LimitTable
from tests.unit.native.limits.limiting import (
    ALGORITHMS,
    BUCKET_BYTES,
    HEADER_BYTES,
    SECOND,
    FakeClock,
    limiter_at,
)

# The table


def test_a_flood_of_keys_stays_within_the_block_and_frees_no_limited_key(rule):
    block = bytearray(HEADER_BYTES + 1024 // 8 * BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=FakeClock(0))
    for _ in range(5):
        assert limiter.consume(rule, "victim")
    for number in range(1_000_000):
        limiter.consume(rule, str(number))
    assert not limiter.peek(rule, "victim")
    stats = limiter.stats()
    assert (stats.capacity_cells, stats.size_bytes) == (1024, len(block))
    assert stats.live_cells == 1024
    assert stats.forced_evictions == 1_000_000 + 1 - 1024


def test_a_flood_of_keys_allocates_nothing(rule):
    limiter = Limiter(1024)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(20_000):
            limiter.consume(rule, str(number))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 16_384


def test_a_new_key_takes_the_place_of_a_recovered_one_first():
    limiter, clock = limiter_at(0, capacity_cells=8)
    long = Rule("gcra", 1, 100 * SECOND, identity="long")
    short = Rule("gcra", 1, SECOND, identity="short")
    for number in range(7):
        limiter.consume(long, str(number))
    limiter.consume(short, "short")
    clock.now = SECOND
    limiter.consume(long, "new")
    assert all(not limiter.peek(long, key) for key in [*map(str, range(7)), "new"])
    assert limiter.stats().forced_evictions == 0


def test_else_the_one_that_recovers_soonest_starts_afresh():
    limiter, _ = limiter_at(0, capacity_cells=8)
    keys = [str(number) for number in range(8)]
    rules = {key: Rule("gcra", 1, (9 + int(key)) * SECOND, identity="r") for key in keys}
    for key in random.Random(1).sample(keys, 8):
        limiter.consume(rules[key], key)
    limiter.consume(Rule("gcra", 1, 99 * SECOND, identity="r"), "new")
    assert [limiter.peek(rules[key], key).allowed for key in keys] == [True] + [False] * 7
    assert limiter.stats() == (8, 8, HEADER_BYTES + BUCKET_BYTES, 1)


@pytest.mark.parametrize("light", range(8))
def test_among_equals_the_least_loaded_starts_afresh(light):
    limiter, _ = limiter_at(0, capacity_cells=8)
    rule = Rule("fixed_window", 5, SECOND, identity="r")
    for number in range(8):
        limiter.consume(rule, str(number), 3 if number == light else 4)
    limiter.consume(rule, "new", 1)
    assert [limiter.peek(rule, str(number)).remaining for number in range(8)] == [
        5 if number == light else 1 for number in range(8)
    ]


def test_a_cell_that_recovers_beyond_all_time_is_kept():
    limiter, _ = limiter_at(2**62, capacity_cells=8)
    rule = Rule("gcra", 1, MAX_PERIOD_NS, identity="r", burst=MAX_REQUESTS)
    decision = limiter.consume(rule, "k", MAX_REQUESTS)
    assert (decision.allowed, decision.reset_after_ns) == (True, NEVER_NS - 1)
    assert limiter.stats().live_cells == 1
    assert limiter.consume(rule, "k", MAX_REQUESTS).retry_after_ns == NEVER_NS - 1


def test_a_refund_frees_the_cell(rule):
    limiter, _ = limiter_at(0, capacity_cells=8)
    for number in range(8):
        limiter.consume(rule, str(number), 5)
    limiter.refund(rule, "3", 5)
    limiter.consume(rule, "new")
    assert limiter.stats().forced_evictions == 0


@pytest.mark.parametrize(("asked", "given"), [(1, 8), (8, 8), (9, 16), (1000, 1000)])
def test_capacity_is_rounded_up_to_whole_buckets(asked, given):
    assert Limiter(asked).stats().capacity_cells == given


@pytest.mark.parametrize("capacity", [0, -1, 2**36 + 1])
def test_a_capacity_out_of_range_raises(capacity):
    with pytest.raises(ValueError, match="capacity_cells"):
        Limiter(capacity)


def test_either_capacity_or_buffer_is_given():
    with pytest.raises(ValueError, match="either"):
        Limiter()
    with pytest.raises(ValueError, match="either"):
        Limiter(8, buffer=bytearray(1024))


def test_every_bucket_is_used():
    limiter, _ = limiter_at(0, capacity_cells=24)
    rule = Rule("gcra", 1, SECOND, identity="r")
    for number in range(200):
        limiter.consume(rule, str(number))
    assert limiter.stats().live_cells == 24


# The block


@pytest.fixture
def block():
    return bytearray(HEADER_BYTES + 4 * BUCKET_BYTES)


def test_a_buffer_is_continued_by_the_next_limiter(rule, block):
    Limiter(buffer=block, clock=FakeClock(9 * SECOND)).consume(rule, "k", 4)
    behind = Limiter(buffer=block, clock=FakeClock(0))
    decision = behind.consume(rule, "k")
    assert (decision.remaining, decision.lease) == (0, 9 * SECOND)
    copied = Limiter(buffer=bytearray(block), clock=FakeClock(0))
    assert not copied.consume(rule, "k")
    assert behind.stats().capacity_cells == 32


def test_a_zero_header_sets_the_whole_block_up(rule):
    block = bytearray(HEADER_BYTES) + bytearray(b"\x01" * BUCKET_BYTES)
    limiter = Limiter(buffer=block)
    assert limiter.stats().live_cells == 0
    assert limiter.consume(rule, "k")


def test_the_hash_key_decides_where_keys_lie(rule):
    def laid_out(hash_key):
        block = bytearray(HEADER_BYTES + 64 * BUCKET_BYTES)
        Limiter(buffer=block, clock=FakeClock(0), hash_key=hash_key).consume(rule, "k")
        return bytes(block[HEADER_BYTES:])

    assert laid_out(b"x" * 16) == laid_out(b"x" * 16)
    assert len({laid_out(b"x" * 16), laid_out(b"y" * 16), laid_out(None), laid_out(None)}) == 4


def test_a_cell_is_found_by_its_whole_fingerprint(rule):
    block = bytearray(HEADER_BYTES + BUCKET_BYTES)
    limiter = Limiter(buffer=block, clock=FakeClock(0))
    for number in range(8):
        limiter.consume(rule, str(number))
    lows, cells = HEADER_BYTES, HEADER_BYTES + 64
    for way in range(4):
        block[lows + 8 * way + way] ^= 1
    for way in range(4, 8):
        block[cells + 56 * way + way] ^= 1
    assert all(limiter.peek(rule, str(number)).remaining == 5 for number in range(8))


@pytest.mark.parametrize("hash_key", [b"", b"x" * 15, b"x" * 17])
def test_a_hash_key_of_another_size_raises(hash_key):
    with pytest.raises(ValueError, match="16 bytes"):
        Limiter(8, hash_key=hash_key)


def test_another_hash_key_than_the_tables_raises(block):
    Limiter(buffer=block, hash_key=b"x" * 16)
    assert Limiter(buffer=block, hash_key=b"x" * 16)
    with pytest.raises(ValueError, match="another hash key"):
        Limiter(buffer=block, hash_key=b"y" * 16)


@pytest.mark.parametrize("offset", [0, 8, 12, 16])
def test_a_buffer_that_holds_something_else_raises(block, offset):
    Limiter(buffer=block)
    block[offset] ^= 1
    with pytest.raises(ValueError, match="something else"):
        Limiter(buffer=block)


@pytest.mark.parametrize("buckets", [0, 5, 2**63])
def test_a_header_that_claims_more_than_the_buffer_raises(block, buckets):
    Limiter(buffer=block)
    block[24:32] = buckets.to_bytes(8, "little")
    with pytest.raises(ValueError, match="smaller than the table"):
        Limiter(buffer=block)


def test_an_unfit_buffer_raises(block):
    with pytest.raises(ValueError, match="smaller"):
        Limiter(buffer=bytearray(HEADER_BYTES + BUCKET_BYTES - 1))
    with pytest.raises(ValueError, match="aligned"):
        Limiter(buffer=memoryview(block)[1:])
    with pytest.raises(BufferError):
        Limiter(buffer=bytes(block))
    with pytest.raises(BufferError):
        Limiter(buffer=memoryview(block)[::2])
    block.append(0)  # nothing holds the buffer after a refusal


def test_a_buffer_is_held_while_the_limiter_lives(block):
    limiter = Limiter(buffer=block)
    with pytest.raises(BufferError):
        block.clear()
    del limiter
    block.clear()


def test_what_others_write_into_the_block_leads_nowhere_outside():
    noise = random.Random(2)
    for _ in range(300):
        guarded = bytearray(b"\x5a" * 64) + bytearray(HEADER_BYTES + BUCKET_BYTES) + b"\x5a" * 64
        block = memoryview(guarded)[64:-64]
        limiter = Limiter(buffer=block, clock=FakeClock(noise.choice([0, SECOND, 2**61])))
        rules = [Rule(name, 5, SECOND, identity=name) for name in ALGORITHMS]
        for known in rules:
            limiter.consume(known, "k")
        # All but the fingerprints, which would only hide the noise from the look-up.
        for cell in range(HEADER_BYTES + 64, HEADER_BYTES + BUCKET_BYTES, 56):
            for word in range(cell + 8, cell + 56, 8):
                size = noise.choice([1, 4, 8])
                block[word : word + size] = noise.choice([noise.randbytes(size), b"\xff" * size])
        for known in rules:
            limiter.peek(known, "k")
            limiter.consume(known, "k", 3)
            limiter.refund(known, "k", 9)
        limiter.release(rules[3], "k", 0)
        assert bytes(guarded[:64]) == bytes(guarded[-64:]) == b"\x5a" * 64


def test_the_table_tells_its_geometry():
    table = LimitTable(9)
    assert (table.bucket_count, table.capacity_cells, table.size_bytes) == (2, 16, 1152)
    assert table.forced_evictions == 0
