"""Get, answered from copies, is what the cache of a single process answers."""

import pytest
from hypothesis import given, settings

from blrcs.api.cache_service import CacheService
from blrcs.assembly.direct import direct_cache
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.unit.cache.kept_at_hand import Shared
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.direct.test_direct_cache import (
    DELETE,
    FLUSH,
    GET,
    INCREMENT,
    SECOND_NS,
    SET,
    SETTINGS,
    STEPS,
    TOUCH,
    CacheWorld,
    entries_of,
    get,
    set_,
)
from tests.unit.native.tokens.token_factory import FakeClock


class PlainWorld(CacheWorld):
    """A single process; hits are counted as the service tells them."""

    def _state(self):
        return [
            (name, figures, stats._replace(hits=0), *rest)
            for name, figures, stats, *rest in super()._state()
        ]


class NearWorld(World):
    """A worker with copies, and a keeper who is told at once of what these answer."""

    def __init__(self, clock, overrides=None):
        shared = Shared(SETTINGS, processes=1)
        (self.hits,) = shared.hits
        self.kept = shared.keeper(clock)
        self.cache = shared.worker(self.kept, clock)
        service = CacheService(self.cache)
        super().__init__(
            lambda server: cache_pb2_grpc.add_CacheServiceServicer_to_server(service, server),
            self._state,
            direct_cache(service, self.cache),
            overrides or {},
        )

    def _state(self):
        self.cache.reclaim()
        return [
            (
                name,
                at_once(self.kept.figures(name)),
                namespace.entries.stats()._replace(hits=0),
                *entries_of(namespace),
            )
            for name, namespace in self.kept.namespaces.items()
        ]


def at_once(call):
    try:
        call.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("nothing here waits")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def twins(clock):
    return Twins(PlainWorld(clock), NearWorld(clock))


@given(STEPS)
@settings(deadline=None)
def test_nobody_can_tell_who_answers(steps):
    clock = FakeClock()
    twins = Twins(PlainWorld(clock), NearWorld(clock))
    for (name, body), principal, passed_ns in steps:
        clock.now_ns += passed_ns
        if name == GET:  # by the keeper, if there is no copy, and then by the copy
            twins.call(name, body, principal)
            twins.call(name, body, principal)
        else:
            found = [world.served(name, body, principal) for world in (twins.python, twins.direct)]
            assert found[0] == found[1]
        assert twins.python.state() == twins.direct.state()


def change(twins, name, body):
    for world in (twins.python, twins.direct):
        assert world.served(name, body, "users/admin").rejection is None


def test_the_second_get_needs_no_python(twins):
    change(twins, SET, set_())
    assert not twins.is_answered(GET, get())
    assert twins.is_answered(GET, get())
    assert not twins.is_answered(GET, get("missing"))
    assert not twins.is_answered(GET, get(namespace="never-made"))
    assert twins.is_answered(GET, get())


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (SET, set_("1", b"2")),
        (TOUCH, cache_pb2.TouchRequest(namespace="sessions", key="1").SerializeToString()),
        (INCREMENT, cache_pb2.IncrementRequest(namespace="sessions", key="1").SerializeToString()),
        (DELETE, cache_pb2.DeleteRequest(namespace="sessions", key="1").SerializeToString()),
        (FLUSH, cache_pb2.FlushRequest(namespace="sessions").SerializeToString()),
    ],
)
def test_after_a_change_the_keeper_is_asked(twins, clock, name, body):
    change(twins, SET, set_("1", b"1", ttl_ns=10 * SECOND_NS))
    twins.call(GET, get("1"))
    assert twins.is_answered(GET, get("1"))
    clock.now_ns += 1
    change(twins, name, body)
    assert not twins.is_answered(GET, get("1"))


def test_what_is_evicted_has_no_copy_any_more(twins):
    change(twins, SET, set_("a"))
    twins.call(GET, get("a"))
    for key in "bcd":
        change(twins, SET, set_(key))
    outcome = twins.call(GET, get("a"))
    assert outcome.rejection[2] == "CACHE_ENTRY_NOT_FOUND"


def test_what_copies_answer_counts_as_used(twins):
    for key in "abc":
        change(twins, SET, set_(key))
        twins.call(GET, get(key))
    assert twins.is_answered(GET, get("a"))
    change(twins, SET, set_("d"))
    assert twins.is_answered(GET, get("a"))
    assert twins.call(GET, get("b")).rejection[2] == "CACHE_ENTRY_NOT_FOUND"


def test_who_may_not_is_refused_from_copies_too(twins):
    change(twins, SET, set_(namespace="carts"))
    twins.call(GET, get(namespace="carts"))
    assert twins.is_answered(GET, get(namespace="carts"), "users/alice")
    refused = twins.call(GET, get(namespace="carts"), "users/alice")
    assert refused.rejection[:3] == (7, "authorization", "PERMISSION_DENIED")


def test_guards_may_read_the_key(clock):
    access = PermissionAccess(permission="caches.use", resource="caches/{namespace}/{key=**}")
    overrides = {GET: PolicyOverride(access=access)}
    twins = Twins(PlainWorld(clock, overrides), NearWorld(clock, overrides))
    for key in ("a", "a/b"):
        change(twins, SET, set_(key))
        twins.call(GET, get(key))
        for principal in ("users/alice", "users/nobody"):
            assert twins.is_answered(GET, get(key), principal)


def test_what_protobuf_refuses_is_declined(twins):
    change(twins, SET, set_("ключ"))
    twins.call(GET, get("ключ"))
    parse = cache_pb2.GetRequest.FromString
    assert declines_what_protobuf_refuses(twins.direct, GET, parse, [get("ключ")]) > 500
