"""What callers of CacheService do to each other's entries, and to the cache's own books."""

from collections.abc import Iterator

import grpc
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from blrcs.v1 import access_pb2, access_pb2_grpc, cache_pb2
from tests.attacks.cache import NOT_FOUND, Cache, CacheMachine
from tests.attacks.clocked import Clocked
from tests.attacks.world import ATTACKER, VICTIM
from tests.e2e.workers import bearer, sign_in

DENIED = grpc.StatusCode.PERMISSION_DENIED
INVALID = grpc.StatusCode.INVALID_ARGUMENT
MIB = 1 << 20
GET, SET = "/blrcs.v1.CacheService/Get", "/blrcs.v1.CacheService/Set"


def test_any_calls_in_any_order_are_answered_as_by_a_plain_dict(clocked: Clocked) -> None:
    machine = type("Machine", (CacheMachine,), {"clocked": clocked})
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=30, stateful_step_count=25, derandomize=True, database=None),
    )


HOSTILE_KEYS = [
    "a",
    "A",
    "a ",
    " a",
    "a\0",
    "a\0b",
    "\0",
    "\N{LATIN SMALL LETTER A}\N{COMBINING RING ABOVE}",
    "\N{LATIN SMALL LETTER A WITH RING ABOVE}",
    "\N{ANGSTROM SIGN}",
    "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "\N{CYRILLIC SMALL LETTER A}",
    "a\N{ZERO WIDTH SPACE}",
    "a\r\n",
    "../mallory/a",
    "caches/mallory/entries/a",
    "{a}",
    "a:b",
    "*",
    "%00",
    "\N{GRINNING FACE}" * 256,
    "k" * 1024,
    "k" * 1023 + "l",
]


def test_keys_are_told_apart_to_the_octet_whatever_they_look_like(clocked: Clocked) -> None:
    cache = Cache(clocked.world.channel, clocked.world.admin, "keys")
    for number, key in enumerate(HOSTILE_KEYS):
        assert cache.call("Set", key=key, value=str(number).encode(), if_absent=True).version
    for number, key in enumerate(HOSTILE_KEYS):
        assert cache.value(key) == str(number).encode()
    assert cache.call("Stats").entries == len(HOSTILE_KEYS)
    found = cache.call("BatchGet", keys=HOSTILE_KEYS[::-1])
    assert [each.key for each in found.entries] == HOSTILE_KEYS[::-1]
    for key in HOSTILE_KEYS[::2]:
        assert cache.call("Delete", key=key).deleted
    assert [cache.value(key) is NOT_FOUND for key in HOSTILE_KEYS] == [
        number % 2 == 0 for number in range(len(HOSTILE_KEYS))
    ]
    for key in HOSTILE_KEYS[1::2]:
        assert cache.call("Delete", key=key).deleted
    assert cache.call("Stats").entries == 0


@pytest.mark.parametrize("key", ["", "k" * 1025, "\N{GRINNING FACE}" * 257])
def test_a_key_that_is_none_is_refused_by_all_methods(clocked: Clocked, key: str) -> None:
    cache = Cache(clocked.world.channel, clocked.world.admin, "keys")
    for method, fields in ARGUMENTS.items():
        if "key" in fields:
            assert cache.call(method, **{**fields, "key": key}) is INVALID
    assert cache.call("BatchGet", keys=["a", key]) is INVALID
    assert cache.call("BatchGet", keys=["a"] * 1001) is INVALID


@pytest.mark.parametrize("method", [GET, SET])
@pytest.mark.parametrize("octets", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_a_key_that_is_no_text_is_refused(clocked: Clocked, method: str, octets: bytes) -> None:
    request = b"\x0a\x04keys\x12" + bytes([len(octets)]) + octets
    code, _, _, reply = clocked.world.call(method, request, clocked.world.admin)
    assert code is INVALID
    assert reply == b""


def test_a_value_has_a_largest_size_and_comes_back_to_the_octet(clocked: Clocked) -> None:
    cache = Cache(clocked.world.channel, clocked.world.admin, "values")
    largest = bytes(range(256)) * (MIB // 256)
    assert cache.call("Set", key="k", value=largest).version
    assert cache.value("k") == largest
    for refused in (
        {"value": largest + b"x"},
        {"value": b"x", "content_type": "x" * 129},
        {"value": b"x", "ttl": {"seconds": 31_622_401}},
        {"value": b"x", "ttl": {}},
        {"value": b"x", "ttl": {"seconds": -1}},
        {"value": b"x", "ttl": {"nanos": -1}},
    ):
        assert cache.call("Set", key="k", **refused) is INVALID
    assert cache.value("k") == largest
    cache.call("Flush")


ARGUMENTS: dict[str, dict[str, object]] = {
    "Get": {"key": "k"},
    "BatchGet": {"keys": ["k"]},
    "Set": {"key": "k", "value": b"theirs"},
    "Delete": {"key": "k"},
    "Increment": {"key": "n"},
    "Touch": {"key": "k", "ttl": {"seconds": 1}},
    "Stats": {},
    "Flush": {},
}


@pytest.fixture(scope="module")
def spaces(clocked: Clocked) -> Iterator[dict[str, Cache]]:
    """Alice and Mallory may do everything to the namespaces of their names."""
    world = clocked.world
    access = access_pb2_grpc.AccessServiceStub(world.channel)
    for user in (VICTIM, ATTACKER):
        binding = access_pb2.Binding(
            role="roles/administrator", members=[f"users/{user}"], resource=f"caches/{user}"
        )
        request = access_pb2.CreateBindingRequest(binding_id=f"cache-{user}", binding=binding)
        access.CreateBinding(request, metadata=world.admin)
    yield {
        user: Cache(world.channel, bearer(sign_in(world.channel, user)), user)
        for user in (VICTIM, ATTACKER)
    }
    for user in (VICTIM, ATTACKER):
        access.DeleteBinding(
            access_pb2.DeleteBindingRequest(name=f"bindings/cache-{user}"), metadata=world.admin
        )


@pytest.mark.parametrize(
    "namespace",
    [
        VICTIM,
        f"{ATTACKER}2",
        f"{ATTACKER}.{VICTIM}",
        ATTACKER[:-1],
        f"{ATTACKER}/../{VICTIM}",
        f"{ATTACKER}/{VICTIM}",
        f"../{VICTIM}",
        f"{VICTIM}/",
        f"{ATTACKER}\0",
        ATTACKER.upper(),
        "*",
        "",
    ],
)
def test_nobody_reaches_a_namespace_that_is_not_theirs(
    spaces: dict[str, Cache], namespace: str
) -> None:
    hers, theirs = spaces[VICTIM], spaces[ATTACKER]
    for cache in (hers, theirs):
        cache.call("Flush")
        assert cache.call("Set", key="k", value=cache.namespace.encode()).version
        assert cache.call("Increment", key="n").value == 1
    theirs.namespace = namespace
    for method, fields in ARGUMENTS.items():
        assert theirs.call(method, **fields) in {DENIED, INVALID}, method
    with pytest.raises(grpc.RpcError) as refused:
        next(theirs.watch())
    assert refused.value.code() in {DENIED, INVALID}
    theirs.namespace = ATTACKER
    for cache in (hers, theirs):
        assert cache.value("k") == cache.namespace.encode()
        assert cache.value("n") == b"1"


def test_what_is_done_in_one_namespace_is_not_told_in_another(spaces: dict[str, Cache]) -> None:
    hers, theirs = spaces[VICTIM], spaces[ATTACKER]
    watch = theirs.watch()
    assert next(watch).type == cache_pb2.CACHE_EVENT_TYPE_STARTED
    for method in ("Set", "Increment", "Delete", "Flush"):
        hers.call(method, **ARGUMENTS[method])
    theirs.call("Set", key=f"../{VICTIM}/k", value=b"x")
    assert next(watch).key == f"../{VICTIM}/k"
    watch.cancel()
    assert hers.value("k") is NOT_FOUND
    theirs.call("Flush")
