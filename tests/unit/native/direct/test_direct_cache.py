import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.cache_service import CacheService
from blrcs.assembly.direct import direct_cache
from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from blrcs_native.cache.space import StoredEntry
from tests.unit.native.direct.direct_twins import Twins, World, declines_what_protobuf_refuses
from tests.unit.native.encoding.wire_strategies import near, texts
from tests.unit.native.tokens.token_factory import NOW_NS, FakeClock

SERVICE = "/blrcs.v1.CacheService"
GET, SET, FLUSH = f"{SERVICE}/Get", f"{SERVICE}/Set", f"{SERVICE}/Flush"
TOUCH, DELETE, INCREMENT = f"{SERVICE}/Touch", f"{SERVICE}/Delete", f"{SERVICE}/Increment"
SECOND_NS = 10**9
MAX_BYTES = 400
SETTINGS = Cache.model_validate(
    {
        "max_entries": 3,
        "max_bytes": MAX_BYTES,
        "max_namespaces": 2,
        "namespaces": {"sessions": {"default_ttl": "3s"}},
    }
)


def get(key="k", namespace="sessions"):
    return cache_pb2.GetRequest(namespace=namespace, key=key).SerializeToString()


def set_(key="k", value=b"v", namespace="sessions", *, ttl_ns=None, **fields):
    ttl = None if ttl_ns is None else duration(ttl_ns)
    return cache_pb2.SetRequest(
        namespace=namespace, key=key, value=value, ttl=ttl, **fields
    ).SerializeToString()


def duration(span_ns):
    seconds, nanos = divmod(span_ns, SECOND_NS)
    return Duration(seconds=seconds, nanos=nanos)


class CacheWorld(World):
    def __init__(self, clock, overrides=None, cache_settings=SETTINGS):
        self.cache = MemoryCache(cache_settings, clock=clock, monotonic=clock)
        self.watch = None
        self.events = []
        service = CacheService(self.cache)
        super().__init__(
            lambda server: cache_pb2_grpc.add_CacheServiceServicer_to_server(service, server),
            self._state,
            direct_cache(service, self.cache),
            overrides or {},
        )

    def start_watching(self, namespace):
        self.watch = self.cache.watch(namespace, "")
        self.take_events(1)

    def take_events(self, count):
        for _ in range(count):
            try:
                anext(self.watch).send(None)
            except StopIteration as ended:
                self.events.append(ended.value)

    def stop_watching(self):
        closing = self.watch.aclose()
        with pytest.raises(StopIteration):
            closing.send(None)

    def _state(self):
        """All entries in the order of their use, with all that is counted."""
        return [
            (name, namespace.figures(), namespace.entries.stats(), *entries_of(namespace))
            for name, namespace in self.cache.namespaces.items()
        ]


def entries_of(namespace):
    """What it holds, in the order of use."""
    entries = namespace.entries
    return entries.used_bytes, [(key, entry_of(entries.peek(key))) for key in entries]


def entry_of(stored):
    return (
        stored.value,
        stored.content_type,
        stored.version,
        stored.deadline_ns,
        stored.size_bytes,
    )


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def twins(clock):
    return Twins(CacheWorld(clock), CacheWorld(clock))


NAMESPACES = st.sampled_from(["sessions"] * 6 + ["carts", "third", "", "Upper", "n" * 64, "n" * 65])
KEYS = st.sampled_from(["a", "b", "c", "d", "ключ"]) | texts("", "k" * 1024, "k" * 1025, "ü" * 512)
VERSIONS = st.integers(1, 9).map(lambda number: NOW_NS + number) | st.sampled_from(
    [0, 1, NOW_NS, 2**63, 2**64 - 1]
)
TTLS = st.sampled_from(
    [1, SECOND_NS, 10 * SECOND_NS, 31_622_400 * SECOND_NS, 31_622_400 * SECOND_NS + 1, 0, -1]
)
CONDITIONS = (
    st.just({})
    | st.sampled_from([{"if_absent": True}, {"if_present": True}, {"if_absent": False}])
    | st.builds(lambda version: {"if_version": version}, VERSIONS)
)
VALUES = st.binary(max_size=8) | st.sampled_from([b"x" * 150, b"x" * MAX_BYTES])
CALLS = st.one_of(
    st.tuples(st.just(GET), st.builds(get, KEYS, NAMESPACES)),
    st.tuples(st.just(GET), near(st.builds(get, KEYS, NAMESPACES))),
    st.tuples(
        st.just(SET),
        near(
            st.builds(
                lambda key, value, namespace, content_type, ttl_ns, condition: set_(
                    key, value, namespace, ttl_ns=ttl_ns, content_type=content_type, **condition
                ),
                KEYS,
                VALUES,
                NAMESPACES,
                texts("", "text/plain", "ü" * 128, "ü" * 129),
                st.none() | TTLS,
                CONDITIONS,
            )
        ),
    ),
    st.tuples(st.sampled_from([TOUCH, DELETE, INCREMENT]), st.builds(get, KEYS, NAMESPACES)),
    st.tuples(
        st.just(FLUSH),
        st.just(cache_pb2.FlushRequest(namespace="sessions").SerializeToString()),
    ),
)
STEPS = st.lists(
    st.tuples(
        CALLS,
        st.sampled_from(["users/admin"] * 3 + ["users/alice", "users/nobody", None]),
        st.sampled_from([0, 0, 0, 1, SECOND_NS, 5 * SECOND_NS]),
    ),
    min_size=1,
    max_size=25,
)


@given(STEPS)
@settings(deadline=None)
def test_nobody_can_tell_who_answers(steps):
    clock = FakeClock()
    twins = Twins(CacheWorld(clock), CacheWorld(clock))
    for (name, body), principal, passed_ns in steps:
        clock.now_ns += passed_ns
        if name in {GET, SET}:
            twins.call(name, body, principal)
        else:
            found = [world.served(name, body, principal) for world in (twins.python, twins.direct)]
            assert found[0] == found[1]


def test_what_is_valid_needs_no_python(twins, clock):
    assert not twins.is_answered(SET, set_()), "the namespace is made by the cache"
    assert twins.is_answered(SET, set_())
    assert twins.is_answered(SET, set_(content_type="text/plain", ttl_ns=2 * SECOND_NS))
    assert twins.is_answered(GET, get())
    assert twins.is_answered(GET, get("missing"))
    assert twins.is_answered(GET, get(namespace="never-made"))
    for condition in ({"if_absent": True}, {"if_present": True}, {"if_version": NOW_NS + 3}):
        assert twins.is_answered(SET, set_("k", **condition)), condition
        assert twins.is_answered(SET, set_("other", **condition)), condition
    clock.now_ns += 4 * SECOND_NS
    assert twins.is_answered(GET, get())


def test_an_entry_is_set_if_it_has_the_version_that_is_named(twins):
    twins.call(SET, set_())
    version = NOW_NS + 1
    for answered in (1, 2):
        reply = twins.call(SET, set_(value=b"w", if_version=version)).reply
        version = cache_pb2.SetResponse.FromString(reply).version
        assert (twins.answered, version) == (answered, NOW_NS + 1 + answered)
    refused = twins.call(SET, set_(if_version=version - 1))
    assert refused.rejection[2] == "CACHE_VERSION_MISMATCH"


def test_a_reply_says_what_is_known_of_the_entry(twins):
    for body in (set_("ключ", b"", content_type="text/ü"), set_("ключ", b"\x00\xff")):
        twins.call(SET, body)
        twins.call(GET, get("ключ"))
    entry = cache_pb2.GetResponse.FromString(twins.call(GET, get("ключ")).reply).entry
    assert (entry.key, entry.value, entry.content_type) == (
        "ключ",
        b"\x00\xff",
        "application/octet-stream",
    )
    assert entry.expire_time.ToNanoseconds() == NOW_NS + 3 * SECOND_NS


def test_an_entry_that_does_not_expire_says_so(twins):
    for _ in range(2):
        twins.call(SET, set_(namespace="carts"))
    assert twins.is_answered(GET, get(namespace="carts"))
    reply = twins.call(GET, get(namespace="carts")).reply
    assert not cache_pb2.GetResponse.FromString(reply).entry.HasField("expire_time")


def test_the_largest_value_needs_no_python(clock):
    generous = Cache(max_bytes=4 << 20)
    twins = Twins(
        CacheWorld(clock, cache_settings=generous), CacheWorld(clock, cache_settings=generous)
    )
    twins.call(SET, set_())
    assert twins.is_answered(SET, set_(value=bytes(1 << 20)))
    assert twins.is_answered(GET, get())
    assert not twins.is_answered(SET, set_(value=bytes((1 << 20) + 1)))


def test_what_is_larger_than_its_namespace_is_left_to_python(twins):
    twins.call(SET, set_())
    for size in (MAX_BYTES, MAX_BYTES + 1):
        outcome = twins.call(SET, set_(value=bytes(size)))
        assert outcome.rejection[2] == "CACHE_ENTRY_TOO_LARGE"
    assert twins.answered == 0


def test_watchers_are_told_of_everything(twins, clock):
    for world in (twins.python, twins.direct):
        world.served(SET, set_(), "users/admin")
        world.start_watching("sessions")
    assert not twins.is_answered(SET, set_(ttl_ns=SECOND_NS))
    clock.now_ns += SECOND_NS
    assert twins.is_answered(GET, get()), "which notices that the time is over"
    for world in (twins.python, twins.direct):
        world.take_events(2)
        world.stop_watching()
    assert twins.direct.events == twins.python.events
    assert [event.kind.name for event in twins.direct.events] == ["STARTED", "SET", "EXPIRED"]
    twins.call(SET, set_())
    assert twins.is_answered(SET, set_()), "nobody watches any more"


def test_who_may_not_is_refused_without_python(twins):
    twins.call(SET, set_(namespace="carts"))
    for name, body in ((GET, get(namespace="carts")), (SET, set_(namespace="carts"))):
        assert twins.is_answered(name, body, "users/alice")
        outcome = twins.call(name, body, "users/alice")
        assert outcome.rejection[:3] == (7, "authorization", "PERMISSION_DENIED")


def test_guards_may_read_the_key(clock):
    access = PermissionAccess(permission="caches.use", resource="caches/{namespace}/{key=**}")
    overrides = {name: PolicyOverride(access=access) for name in (GET, SET)}
    twins = Twins(CacheWorld(clock, overrides), CacheWorld(clock, overrides))
    twins.call(SET, set_("a"))
    for name, body in ((GET, get("a")), (SET, set_("a")), (GET, get("a//b")), (SET, set_("a/b"))):
        for principal in ("users/alice", "users/nobody"):
            assert twins.is_answered(name, body, principal)


@pytest.mark.parametrize(
    ("name", "parse", "body"),
    [
        (GET, cache_pb2.GetRequest, get("ключ")),
        (
            SET,
            cache_pb2.SetRequest,
            set_("ü", b"\xff", ttl_ns=1_500_000_000, content_type="t", if_version=NOW_NS),
        ),
        (SET, cache_pb2.SetRequest, set_(if_absent=True)),
    ],
)
def test_what_protobuf_refuses_is_declined(clock, name, parse, body):
    world = CacheWorld(clock)
    world.served(SET, set_(), "users/admin")
    before = world.state()
    assert declines_what_protobuf_refuses(world, name, parse.FromString, [body]) > 500
    assert world.state() == before


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("two conditions", set_(if_absent=True) + b"\x38\x01"),
        ("a flag that is false", set_(if_absent=False)),
        ("a time to live that comes twice", set_(ttl_ns=SECOND_NS) + b"\x2a\x00"),
        ("a time to live of nothing", set_() + b"\x2a\x00"),
        ("a time to live with a field of no Duration", set_() + b"\x2a\x04\x08\x01\x18\x01"),
        ("nanoseconds that are none", set_() + b"\x2a\x06\x10\x80\x94\xeb\xdc\x03"),
        ("a field that nobody knows", set_() + b"\x48\x01"),
    ],
)
def test_what_is_unusual_is_left_to_python(twins, name, changed):
    twins.call(SET, set_())
    assert not twins.is_answered(SET, changed), name


def test_an_entry_knows_its_size_and_when_it_expires():
    entry = StoredEntry("ü", b"123", "text/plain", None)
    assert (entry.size_bytes, entry.deadline_ns, entry.version) == (15, None, 0)
    entry.deadline_ns = 7
    assert entry.deadline_ns == 7
    entry.deadline_ns = None
    assert entry.deadline_ns is None
