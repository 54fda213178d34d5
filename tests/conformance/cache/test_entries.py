"""Entries: what is written, read, counted and touched."""

import asyncio

import pytest

from blrcs.domain.cache_entry import Presence, SetCondition
from blrcs.domain.errors import FailedPreconditionError

S = 1_000_000_000
MS = 1_000_000
ANY = SetCondition()
ABSENT = SetCondition(Presence.ABSENT)
PRESENT = SetCondition(Presence.PRESENT)


async def put(store, key="k", value=b"v", *, namespace="n", ttl_ns=None, content_type="t"):
    return await store.set(namespace, key, value, content_type, ttl_ns, ANY)


def close_to(instant_ns):
    return pytest.approx(instant_ns, rel=0, abs=500 * MS)


async def test_what_one_sets_all_get(make):
    world = await make()
    version = await put(world.store, value=b"\0\xff\r\n", content_type="text/x")
    for store in world.stores:
        for _ in range(2):
            found = await store.get("n", "k")
            assert (found.key, found.value, found.content_type) == ("k", b"\0\xff\r\n", "text/x")
            assert (found.version, found.expire_time_ns) == (version, None)


@pytest.mark.parametrize(
    "key", ["{a}:b", "}{", "ä" * 512, "x" * 1024, "a\0b\nc ", "*", "k:v", "\U0001f600"]
)
async def test_any_text_is_a_key(make, key):
    world = await make()
    await put(world.store, key, key.encode())
    await put(world.store, key + "!", b"other")
    for store in world.stores:
        assert (await store.get("n", key)).value == key.encode()
    assert await world.store.delete("n", key)
    for store in world.stores:
        assert await store.get("n", key) is None
        assert (await store.get("n", key + "!")).value == b"other"


@pytest.mark.parametrize("value", [b"", b"\0", b"x" * (1 << 20)])
async def test_any_octets_are_a_value(make, value):
    world = await make()
    await put(world.store, value=value, content_type="é" * 64)
    for store in world.stores:
        found = await store.get("n", "k")
        assert (found.value, found.content_type) == (value, "é" * 64)


async def test_many_are_read_in_the_order_of_their_keys(make):
    world = await make()
    for key in "abc":
        await put(world.store, key, key.encode())
    found = await world.stores[-1].get_many("n", ["c", "x", "a", "c"])
    assert [(each.key, each.value) for each in found] == [("c", b"c"), ("a", b"a"), ("c", b"c")]
    assert await world.store.get_many("n", ["x", "y"]) == []


async def test_every_change_has_a_version_of_its_own(make):
    world = await make()
    versions = [await put(world.store, key) for key in "aabb"]
    await world.store.delete("n", "a")
    versions.append(await put(world.store, "a"))
    await world.store.flush("n")
    versions.append(await put(world.store, "a"))
    assert versions == sorted(set(versions))
    assert (await world.store.get("n", "a")).version == versions[-1]


async def test_conditions(make):
    store = (await make()).store
    assert await store.set("n", "k", b"1", "t", None, PRESENT) is None
    first = await store.set("n", "k", b"1", "t", None, ABSENT)
    assert await store.set("n", "k", b"2", "t", None, ABSENT) is None
    second = await store.set("n", "k", b"2", "t", None, SetCondition(version=first))
    assert await store.set("n", "k", b"3", "t", None, SetCondition(version=first)) is None
    assert await store.set("n", "k", b"3", "t", None, SetCondition(version=0)) is None
    assert await store.set("n", "k", b"3", "t", None, SetCondition(version=2**64 - 1)) is None
    third = await store.set("n", "k", b"3", "t", None, PRESENT)
    assert first < second < third
    assert (await store.get("n", "k")).value == b"3"
    await store.delete("n", "k")
    assert await store.set("n", "k", b"4", "t", None, SetCondition(version=third)) is None


@pytest.mark.parametrize("condition", ["absent", "version"])
async def test_of_those_who_set_on_a_condition_one_does(make, condition):
    world = await make()
    wanted = ABSENT if condition == "absent" else SetCondition(version=await put(world.store))
    versions = await asyncio.gather(
        *[store.set("n", "k", b"w", "", None, wanted) for store in world.stores * 20]
        if condition == "version"
        else [store.set("n", "new", b"w", "", None, wanted) for store in world.stores * 20]
    )
    assert len([each for each in versions if each is not None]) == 1


async def test_deleting(make):
    world = await make()
    await put(world.store)
    for store in world.stores:
        await store.get("n", "k")
    assert await world.stores[-1].delete("n", "k") is True
    assert await world.store.delete("n", "k") is False


async def test_an_entry_ends_when_its_time_is_over(make):
    world = await make()
    await put(world.store, ttl_ns=60 * S)
    for store in world.stores:
        assert (await store.get("n", "k")).expire_time_ns == close_to(world.now_ns() + 60 * S)
    world.advance(50 * S)
    for store in world.stores:
        assert (await store.get("n", "k")).expire_time_ns == close_to(world.now_ns() + 10 * S)
    world.advance(10 * S)
    for store in world.stores:
        assert await store.get("n", "k") is None
        assert await store.get_many("n", ["k"]) == []
    assert await world.store.set("n", "k", b"", "t", None, PRESENT) is None
    assert await world.store.touch("n", "k", S) is None
    assert await world.store.delete("n", "k") is False
    assert await world.store.set("n", "k", b"new", "t", None, ABSENT)
    world.advance(3600 * S)
    assert (await world.store.get("n", "k")).value == b"new"


async def test_a_namespace_has_settings_of_its_own(make):
    own = {"n": {"max_entries": 1, "default_ttl": "0s"}}
    store = (world := await make(default_ttl="1h", namespaces=own)).store
    await put(store)
    await put(store, namespace="other")
    assert (await store.get("n", "k")).expire_time_ns is None
    expected = close_to(world.now_ns() + 3600 * S)
    assert (await store.get("other", "k")).expire_time_ns == expected
    assert (await store.touch("n", "k", 60 * S)).expire_time_ns == close_to(world.now_ns() + 60 * S)
    assert (await store.touch("n", "k", None)).expire_time_ns is None
    assert (await store.figures("n")).max_entries == 1
    assert (await store.figures("unmade")).max_entries == 100_000


async def test_touching(make):
    world = await make()
    version = await put(world.store, ttl_ns=60 * S)
    for store in world.stores:
        await store.get("n", "k")
    touched = await world.store.touch("n", "k", 600 * S)
    assert (touched.value, touched.version) == (b"v", version)
    assert touched.expire_time_ns == close_to(world.now_ns() + 600 * S)
    world.advance(599 * S)
    assert (await world.store.get("n", "k")).version == version
    await world.store.touch("n", "k", 10 * S)
    world.advance(10 * S)
    assert await world.store.get("n", "k") is None
    assert await world.store.touch("n", "missing", S) is None


async def test_no_increment_is_lost(make):
    world = await make()
    await asyncio.gather(*[store.increment("n", "k", 1, None) for store in world.stores * 50])
    total = 50 * len(world.stores)
    number, version = await world.store.increment("n", "k", 0, None)
    found = await world.stores[-1].get("n", "k")
    assert number == total
    assert (found.value, found.content_type) == (b"%d" % total, "text/plain")
    assert found.version == version


async def test_an_increment_keeps_what_else_is_known_of_an_entry(make):
    world = await make()
    await put(world.store, value=b"-007", content_type="x/number", ttl_ns=60 * S)
    assert (await world.store.increment("n", "k", 9, 600 * S))[0] == 2
    found = await world.store.get("n", "k")
    assert (found.value, found.content_type) == (b"2", "x/number")
    world.advance(60 * S)
    assert await world.store.get("n", "k") is None
    assert (await world.store.increment("n", "k", -3, 30 * S))[0] == -3
    world.advance(30 * S)
    assert (await world.store.increment("n", "k", 0, None))[0] == 0


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" 1",
        b"1 ",
        b"+1",
        b"1_0",
        b"1.0",
        b"1e3",
        b"0x1",
        b"-",
        b"--1",
        b"\xd9\xa1",
        b"1\n",
        b"1\0",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"00000000000000000001",
    ],
)
async def test_only_a_decimal_int64_can_be_incremented(make, value):
    store = (await make()).store
    version = await put(store, value=value)
    for delta in (1, -1):
        with pytest.raises(FailedPreconditionError) as refused:
            await store.increment("n", "k", delta, None)
        assert refused.value.reason == "NOT_A_NUMBER"
    found = await store.get("n", "k")
    assert (found.value, found.version) == (value, version)


@pytest.mark.parametrize("value", [b"0", b"-0", b"000", b"-001", b"0000000000000000001"])
async def test_numbers_may_have_zeros_before_them(make, value):
    store = (await make()).store
    await put(store, value=value)
    assert (await store.increment("n", "k", 5, None))[0] == int(value) + 5


@pytest.mark.parametrize(("value", "delta"), [(2**63 - 1, 1), (-(2**63), -1)])
async def test_a_number_does_not_overflow(make, value, delta):
    store = (await make()).store
    assert (await store.increment("n", "k", value, None))[0] == value
    for too_much in (delta, value):
        with pytest.raises(FailedPreconditionError) as refused:
            await store.increment("n", "k", too_much, None)
        assert refused.value.reason == "NUMBER_OUT_OF_RANGE"
    assert (await store.increment("n", "k", -delta, None))[0] == value - delta
