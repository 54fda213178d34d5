import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc.aio import AioRpcError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from blrcs.api.cache_service import CacheService
from blrcs.application.cache import get_entries
from blrcs.cache import watchers
from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from blrcs.testing import Host
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from tests.unit.api.cache_model import INT64_MAX, INT64_MIN, NamespaceModel, number_in
from tests.unit.api.refusals import code_and_reason, refusal

WALL_NS = 1_700_000_000_000_000_000
S = 1_000_000_000
VERBS = ("get", "set", "delete", "stats", "flush", "watch")
ALL = {f"blrcs.caches.{verb}": "caches" for verb in VERBS}


class Clock:
    def __init__(self):
        self.now_ns = 0

    def __call__(self):
        return self.now_ns


def duration(span_ns):
    return Duration(seconds=span_ns // S, nanos=span_ns % S)


def cache_of(clock, **sections):
    return MemoryCache(Cache(**sections), clock=lambda: WALL_NS + clock(), monotonic=clock)


def host_of(cache):
    return Host(
        lambda server: cache_pb2_grpc.add_CacheServiceServicer_to_server(
            CacheService(cache), server
        )
    )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(clock):
    return cache_of(clock)


@pytest.fixture
def host(cache):
    return host_of(cache)


@pytest.fixture
def stub(host):
    return cache_pb2_grpc.CacheServiceStub(host.channel("users/alice", ALL))


def set_request(key="k", value=b"v", **fields):
    return cache_pb2.SetRequest(namespace="n", key=key, value=value, **fields)


async def settle():
    """Lets every task go as far as it can."""
    for _ in range(100):
        await asyncio.sleep(0)


class Watching:
    """A watch that takes everything it is sent."""

    def __init__(self, stub, namespace, key_prefix=""):
        self.events = []
        self.refusal = None
        request = cache_pb2.WatchRequest(namespace=namespace, key_prefix=key_prefix)
        self.task = asyncio.ensure_future(self._run(stub.Watch(request)))

    async def _run(self, call):
        try:
            async for event in call:
                kind = cache_pb2.CacheEventType.Name(event.type)
                kind = kind.removeprefix("CACHE_EVENT_TYPE_")
                self.events.append((kind, event.key, event.version))
        except AioRpcError as error:
            self.refusal = code_and_reason(error)

    def taken(self):
        events, self.events = self.events, []
        return events

    async def stop(self):
        self.task.cancel()
        await asyncio.wait({self.task})
        await settle()


async def test_a_set_entry_is_got_with_all_that_is_known_of_it(stub):
    made = await stub.Set(set_request(content_type="text/plain", ttl=duration(1_500_000_000)))
    entry = (await stub.Get(cache_pb2.GetRequest(namespace="n", key="k"))).entry
    assert (entry.key, entry.value, entry.content_type) == ("k", b"v", "text/plain")
    assert entry.version == made.version
    assert entry.expire_time.ToNanoseconds() == WALL_NS + 1_500_000_000


async def test_the_content_type_of_unknown_bytes_is_the_default_and_no_ttl_is_for_ever(stub):
    await stub.Set(set_request())
    entry = (await stub.Get(cache_pb2.GetRequest(namespace="n", key="k"))).entry
    assert entry.content_type == "application/octet-stream"
    assert not entry.HasField("expire_time")


async def test_what_is_not_there_is_not_found_and_the_key_is_not_repeated(stub):
    with pytest.raises(AioRpcError) as refused:
        await stub.Get(cache_pb2.GetRequest(namespace="n", key="secret"))
    assert code_and_reason(refused.value) == ("NOT_FOUND", "CACHE_ENTRY_NOT_FOUND")
    assert "secret" not in repr(refused.value)
    touch = cache_pb2.TouchRequest(namespace="n", key="k")
    assert await refusal(stub.Touch(touch)) == ("NOT_FOUND", "CACHE_ENTRY_NOT_FOUND")


@pytest.mark.parametrize(
    "request_",
    [
        cache_pb2.SetRequest(namespace="A", key="k"),
        cache_pb2.SetRequest(namespace="n", key=""),
        cache_pb2.SetRequest(namespace="n", key="ä" * 513),
        cache_pb2.SetRequest(namespace="n", key="k", value=bytes(2**20 + 1)),
        cache_pb2.SetRequest(namespace="n", key="k", ttl=Duration()),
        cache_pb2.SetRequest(namespace="n", key="k", ttl=Duration(seconds=-1)),
        cache_pb2.SetRequest(namespace="n", key="k", ttl=Duration(seconds=31622401)),
        cache_pb2.SetRequest(namespace="n", key="k", if_absent=False),
    ],
    ids=str,
)
async def test_a_request_that_breaks_a_rule_is_invalid(stub, request_):
    assert await refusal(stub.Set(request_)) == ("INVALID_ARGUMENT", "REQUEST_INVALID")


@pytest.mark.parametrize("namespace", ["", "n\n", "n/x"])
async def test_a_namespace_that_is_no_segment_of_a_name_is_refused(stub, namespace):
    request = cache_pb2.SetRequest(namespace=namespace, key="k")
    assert (await refusal(stub.Set(request)))[0] in {"PERMISSION_DENIED", "INVALID_ARGUMENT"}


async def test_a_permission_holds_for_its_namespace_only(host):
    channel = host.channel("users/bob", {"blrcs.caches.set": "caches/n"})
    stub = cache_pb2_grpc.CacheServiceStub(channel)
    assert (await stub.Set(set_request())).version
    request = cache_pb2.SetRequest(namespace="other", key="k")
    assert await refusal(stub.Set(request)) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    get = cache_pb2.GetRequest(namespace="n", key="k")
    assert await refusal(stub.Get(get)) == ("PERMISSION_DENIED", "PERMISSION_DENIED")


async def test_a_batch_gives_those_found_in_the_order_of_the_keys(stub):
    for key in "abc":
        await stub.Set(set_request(key))
    request = cache_pb2.BatchGetRequest(namespace="n", keys=["c", "x", "a"])
    assert [entry.key for entry in (await stub.BatchGet(request)).entries] == ["c", "a"]


async def test_a_batch_is_bounded_by_its_values(stub, monkeypatch):
    monkeypatch.setattr(get_entries, "MAX_BATCH_BYTES", 10)
    await stub.Set(set_request(value=bytes(5)))
    fits = cache_pb2.BatchGetRequest(namespace="n", keys=["k", "k"])
    assert len((await stub.BatchGet(fits)).entries) == 2
    above = cache_pb2.BatchGetRequest(namespace="n", keys=["k", "k", "k"])
    expected = ("RESOURCE_EXHAUSTED", "CACHE_BATCH_TOO_LARGE")
    assert await refusal(stub.BatchGet(above)) == expected


async def test_a_namespace_too_many_is_refused(clock):
    host = host_of(cache_of(clock, max_namespaces=1))
    stub = cache_pb2_grpc.CacheServiceStub(host.channel("users/alice", ALL))
    await stub.Set(set_request())
    request = cache_pb2.SetRequest(namespace="other", key="k")
    expected = ("RESOURCE_EXHAUSTED", "CACHE_NAMESPACES_EXHAUSTED")
    assert await refusal(stub.Set(request)) == expected


async def test_an_increment_is_of_one_and_makes_plain_text(stub):
    request = cache_pb2.IncrementRequest(namespace="n", key="k")
    await stub.Increment(request)
    assert (await stub.Increment(request)).value == 2
    request.delta = 0
    assert (await stub.Increment(request)).value == 2
    entry = (await stub.Get(cache_pb2.GetRequest(namespace="n", key="k"))).entry
    assert (entry.value, entry.content_type) == (b"2", "text/plain")


async def test_a_slow_watcher_is_ended_once_it_asks_again(stub, cache, monkeypatch):
    monkeypatch.setattr(watchers, "MAX_PENDING", 4)
    request = cache_pb2.WatchRequest(namespace="n")
    call = aiter(stub.Watch(request))
    assert (await anext(call)).type == cache_pb2.CACHE_EVENT_TYPE_STARTED
    for _ in range(100):  # beyond what is kept for it, and what the transport holds
        await stub.Set(set_request())
    assert cache._watchers.count("n") == 0
    with pytest.raises(AioRpcError) as refused:
        [event async for event in call]
    assert code_and_reason(refused.value) == ("RESOURCE_EXHAUSTED", "WATCHER_TOO_SLOW")


async def test_a_watcher_too_many_is_refused(stub, monkeypatch):
    monkeypatch.setattr(watchers, "MAX_WATCHERS", 1)
    first = Watching(stub, "n")
    await settle()
    second = Watching(stub, "n")
    await settle()
    assert second.refusal == ("RESOURCE_EXHAUSTED", "TOO_MANY_WATCHERS")
    await first.stop()


@pytest.mark.parametrize("is_blocked", [False, True])
async def test_a_cancelled_watch_leaves_nothing_behind(stub, cache, is_blocked):
    call = aiter(stub.Watch(cache_pb2.WatchRequest(namespace="n")))
    await anext(call)
    if is_blocked:
        for _ in range(30):  # more than the transport holds, so that the server waits to write
            await stub.Set(set_request())
    assert cache._watchers.count("n") == 1
    await call.aclose()
    await settle()
    assert cache._watchers.count("n") == 0
    assert cache._watchers._watching == {}


keys = st.sampled_from(["a", "ab", "b", "ä"])
ttls_ns = st.sampled_from([None, 1, S, 2 * S, 10 * S])
deltas = st.one_of(
    st.none(), st.integers(-3, 3), st.sampled_from([INT64_MAX, INT64_MIN, INT64_MAX - 1])
)
values = st.one_of(
    st.sampled_from(
        [b"", b"0", b"-7", b"x", b"+1", b"9223372036854775807", b"99999999999999999999"]
    ),
    st.integers(0, 45).map(bytes),
)
conditions = st.sampled_from(["none", "absent", "present", "version", "old_version", "no_version"])


class CacheMachine(RuleBasedStateMachine):
    """CacheService against the model: one namespace with times to live, one with tight bounds."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        bounds = {"max_entries": 3, "max_bytes": 64, "default_ttl": "0s"}
        self.cache = cache_of(self.clock, default_ttl="4s", namespaces={"tight": bounds})
        self.models = {
            "wide": NamespaceModel(100_000, 64 << 20, 4 * S),
            "tight": NamespaceModel(3, 64, 0),
        }
        self.stub = cache_pb2_grpc.CacheServiceStub(host_of(self.cache).channel("users/alice", ALL))
        self.watching = {}
        self.run(self.start())

    async def start(self):
        for name in self.models:
            self.watching[name, ""] = Watching(self.stub, name)
            self.watching[name, "a"] = Watching(self.stub, name, "a")
        await settle()
        for watching in self.watching.values():
            assert watching.taken() == [("STARTED", "", 0)]

    def run(self, work):
        return self.runner.run(work)

    def outcome(self, call):
        async def work():
            try:
                return await call(), None
            except AioRpcError as error:
                return None, code_and_reason(error)

        return self.run(work())

    def teardown(self):
        async def stop():
            for watching in self.watching.values():
                assert watching.refusal is None
                await watching.stop()
            assert self.cache._watchers._watching == {}

        # In the end all that has a time is over, and is told of.
        self.clock.now_ns += 1000 * S
        while self.cache.reclaim():
            pass
        self.follow_time()
        self.told_matches()
        assert all(not model.unnoticed for model in self.models.values())
        self.run(stop())
        self.runner.close()

    def follow_time(self):
        for model in self.models.values():
            model.advance(self.clock.now_ns)

    def ttl_of(self, name, ttl_ns):
        # Without times the order of evictions can be foreseen exactly.
        return None if name == "tight" else ttl_ns

    @rule(
        name=st.sampled_from(["wide", "tight"]),
        key=keys,
        value=values,
        content_type=st.sampled_from(["", "text/plain", "é"]),
        ttl_ns=ttls_ns,
        condition=conditions,
    )
    def set(self, name, key, value, content_type, ttl_ns, condition):
        model = self.models[name]
        ttl_ns = self.ttl_of(name, ttl_ns)
        present = model.entries.get(key)
        stated = {
            "none": {},
            "absent": {"if_absent": True},
            "present": {"if_present": True},
            "version": {"if_version": present.version if present else 1},
            "old_version": {"if_version": model.versions[0] if model.versions else 2**64 - 1},
            "no_version": {"if_version": 0},
        }[condition]
        request = cache_pb2.SetRequest(
            namespace=name, key=key, value=value, content_type=content_type, **stated
        )
        if ttl_ns is not None:
            request.ttl.CopyFrom(duration(ttl_ns))
        reply, refused = self.outcome(lambda: self.stub.Set(request))
        content_type = content_type or "application/octet-stream"
        size_bytes = len(key.encode()) + len(value) + len(content_type.encode())
        assert refused == model.refusal(key, size_bytes, stated)
        if refused is None:
            deadline_ns = model.deadline_ns(ttl_ns)
            model.set(key, value, content_type, deadline_ns, reply.version)
            self.get(name, key)

    def same(self, entry, key, expected):
        assert entry.key == key
        assert entry.value == expected.value
        assert entry.content_type == expected.content_type
        assert entry.version == expected.version
        assert self.expiry(entry) == expected.deadline_ns

    def expiry(self, message):
        if not message.HasField("expire_time"):
            return None
        return message.expire_time.ToNanoseconds() - WALL_NS

    @rule(name=st.sampled_from(["wide", "tight"]), key=keys)
    def get(self, name, key):
        request = cache_pb2.GetRequest(namespace=name, key=key)
        reply, refused = self.outcome(lambda: self.stub.Get(request))
        expected = self.models[name].get(key)
        if expected is None:
            assert refused == ("NOT_FOUND", "CACHE_ENTRY_NOT_FOUND")
        else:
            self.same(reply.entry, key, expected)

    @rule(name=st.sampled_from(["wide", "tight"]), wanted=st.lists(keys, min_size=1, max_size=4))
    def batch_get(self, name, wanted):
        request = cache_pb2.BatchGetRequest(namespace=name, keys=wanted)
        reply, _ = self.outcome(lambda: self.stub.BatchGet(request))
        found = [(key, self.models[name].get(key)) for key in wanted]
        found = [(key, entry) for key, entry in found if entry is not None]
        for entry, (key, expected) in zip(reply.entries, found, strict=True):
            self.same(entry, key, expected)

    @rule(name=st.sampled_from(["wide", "tight"]), key=keys)
    def delete(self, name, key):
        request = cache_pb2.DeleteRequest(namespace=name, key=key)
        reply, _ = self.outcome(lambda: self.stub.Delete(request))
        assert reply.deleted == self.models[name].delete(key)

    @rule(name=st.sampled_from(["wide", "tight"]), key=keys, delta=deltas, ttl_ns=ttls_ns)
    def increment(self, name, key, delta, ttl_ns):
        model = self.models[name]
        ttl_ns = self.ttl_of(name, ttl_ns)
        request = cache_pb2.IncrementRequest(namespace=name, key=key, delta=delta)
        if ttl_ns is not None:
            request.ttl.CopyFrom(duration(ttl_ns))
        reply, refused = self.outcome(lambda: self.stub.Increment(request))
        entry = model.entries.get(key)
        number = 0 if entry is None else number_in(entry)
        if number is None:
            assert refused == ("FAILED_PRECONDITION", "NOT_A_NUMBER")
            return
        number += 1 if delta is None else delta
        if not INT64_MIN <= number <= INT64_MAX:
            assert refused == ("FAILED_PRECONDITION", "NUMBER_OUT_OF_RANGE")
            return
        assert (refused, reply.value) == (None, number)
        content_type = "text/plain" if entry is None else entry.content_type
        deadline_ns = model.deadline_ns(ttl_ns) if entry is None else entry.deadline_ns
        model.set(key, str(number).encode(), content_type, deadline_ns, reply.version)
        self.get(name, key)

    @rule(name=st.sampled_from(["wide", "tight"]), key=keys, ttl_ns=ttls_ns)
    def touch(self, name, key, ttl_ns):
        ttl_ns = self.ttl_of(name, ttl_ns)
        request = cache_pb2.TouchRequest(namespace=name, key=key)
        if ttl_ns is not None:
            request.ttl.CopyFrom(duration(ttl_ns))
        reply, refused = self.outcome(lambda: self.stub.Touch(request))
        expected = self.models[name].touch(key, ttl_ns)
        if expected is None:
            assert refused == ("NOT_FOUND", "CACHE_ENTRY_NOT_FOUND")
        else:
            assert self.expiry(reply) == expected.deadline_ns
            self.get(name, key)

    @rule(name=st.sampled_from(["wide", "tight"]))
    def flush(self, name):
        self.told_matches()
        request = cache_pb2.FlushRequest(namespace=name)
        reply, _ = self.outcome(lambda: self.stub.Flush(request))
        least, most = self.models[name].flush()
        assert least <= reply.dropped <= most

    @rule(name=st.sampled_from(["wide", "tight"]))
    def stats(self, name):
        self.told_matches()
        model = self.models[name]
        request = cache_pb2.StatsRequest(namespace=name)
        stats, _ = self.outcome(lambda: self.stub.Stats(request))
        assert (stats.max_entries, stats.max_size_bytes) == (model.max_entries, model.max_bytes)
        assert (stats.hits, stats.misses) == (model.hits, model.misses)
        assert stats.evictions == model.evictions
        live = len(model.entries)
        assert live <= stats.entries <= live + len(model.unnoticed)
        if not model.unnoticed:
            assert stats.size_bytes == model.size_bytes

    @rule(span_ns=st.sampled_from([1, S, 3 * S, 20 * S]))
    def advance(self, span_ns):
        self.clock.now_ns += span_ns
        self.follow_time()

    @rule()
    def reclaim(self):
        self.cache.reclaim()

    @invariant()
    def told_matches(self):
        self.run(settle())
        for name, model in self.models.items():
            told = self.watching[name, ""].taken()
            for kind, key, version in told:
                if kind == "EXPIRED":
                    model.unnoticed.remove((key, version))
            assert [event for event in told if event[0] != "EXPIRED"] == model.events
            model.events.clear()
            narrow = [event for event in told if event[1][:1] in {"", "a"}]
            assert self.watching[name, "a"].taken() == narrow


TestCacheMachine = CacheMachine.TestCase
TestCacheMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
