import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blrcs.api.limit_service import LimitService
from blrcs.assembly.direct import direct_limits
from blrcs.config.policies import PermissionAccess, PolicyOverride
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.v1 import limit_pb2, limit_pb2_grpc
from blrcs_native.limits.limiter import Limiter
from tests.unit.native.direct.direct_twins import (
    GRANTS,
    Twins,
    World,
    declines_what_protobuf_refuses,
)
from tests.unit.native.encoding.wire_strategies import near, texts
from tests.unit.native.tokens.token_factory import FakeClock

CONSUME = "/blrcs.v1.LimitService/Consume"
SECOND_NS = 10**9


def rule(rule_id, *match, domain="checkout", **fields):
    entries = tuple(LimitEntry(key, value) for key, value in match)
    stated = {"requests": 3, "period_ns": SECOND_NS} | fields
    return LimitRule(id=rule_id, domain=domain, match=entries, **stated)


RULES = [
    rule("any-user", ("user", "")),
    rule("alice", ("user", "alice"), requests=5, burst=8),
    rule("a", ("user", "a*"), requests=4, algorithm="fixed_window"),
    rule("al", ("user", "al*"), requests=2, algorithm="sliding_window"),
    rule("umlaut", ("user", "ä*"), requests=1),
    rule("plan", ("user", ""), ("plan", "free"), requests=2, algorithm="concurrency"),
    rule("pro", ("user", "al*"), ("plan", "pro"), requests=2),
    rule("watched", ("path", ""), requests=2, shadow=True),
    rule("elsewhere", ("user", ""), domain="other", requests=1, period_ns=7),
    rule("much", ("bulk", ""), requests=1_000_000_000, burst=1_000_000_000),
]
DESCRIPTORS = [
    ("user", "alice"),
    ("user", "albert"),
    ("user", "anna"),
    ("user", "ärger"),
    ("user", ""),
    ("path", "/x"),
    ("bulk", "b"),
    ("nothing", "x"),
]
PAIRS = [(one, ("plan", plan)) for one in DESCRIPTORS[:3] for plan in ("free", "pro", "x")]


def message(*descriptors, domain="checkout", **fields):
    return limit_pb2.ConsumeRequest(
        domain=domain,
        descriptors=[
            limit_pb2.LimitDescriptor(
                entries=[limit_pb2.LimitEntry(key=key, value=value) for key, value in entries]
            )
            for entries in descriptors
        ],
        **fields,
    )


def body(*descriptors, **fields):
    return message(*descriptors, **fields).SerializeToString()


ALICE = (("user", "alice"),)


class LimitWorld(World):
    def __init__(self, clock, overrides=None, access=GRANTS):
        limiter = Limiter(512, clock=clock, hash_key=bytes(16))
        self.limits = NativeLimits(limiter)
        self.limits.replace_rules(RULES)
        self.limiter = limiter
        service = LimitService(
            limits=self.limits, rules=None, secrets=None, page_tokens=None, clock=clock
        )
        super().__init__(
            lambda server: limit_pb2_grpc.add_LimitServiceServicer_to_server(service, server),
            self._state,
            direct_limits(service, self.limits),
            overrides or {},
            access,
        )

    def _state(self):
        """How much of everything is left, and how many cells are in use."""
        asked = [(each,) for each in DESCRIPTORS] + PAIRS
        standing = []
        for domain in ("checkout", "other"):
            descriptors = [tuple(LimitEntry(*entry) for entry in each) for each in asked]
            peek = self.limits.peek(domain, descriptors)
            try:
                peek.send(None)
            except StopIteration as ended:
                standing += ended.value
        return standing, self.limiter.stats()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def twins(clock):
    return Twins(LimitWorld(clock), LimitWorld(clock))


ENTRIES = st.sampled_from(DESCRIPTORS) | st.tuples(
    texts("", "user", "plan", "k" * 128, "k" * 129, "ü" * 128, "ü" * 129),
    texts("", "v" * 512, "v" * 513, "\U0001f600" * 512, "\U0001f600" * 513, "al", "alice\n"),
)
REQUESTS = st.builds(
    lambda descriptors, domain, fields: message(*descriptors, domain=domain, **fields),
    st.lists(
        st.lists(ENTRIES, max_size=2) | st.sampled_from(PAIRS) | st.lists(ENTRIES, max_size=9),
        max_size=4,
    ),
    st.sampled_from(["checkout"] * 4 + ["other", "", "-", "Upper", "d" * 64, "d" * 65, "a\n", "ä"]),
    st.fixed_dictionaries(
        {},
        optional={
            "cost": st.integers(0, 9) | st.sampled_from([10**9, 10**9 + 1, 2**31, 2**32 - 1]),
            "check_only": st.booleans(),
        },
    ),
)
BODIES = REQUESTS.map(lambda request: request.SerializeToString())
STEPS = st.lists(
    st.tuples(
        near(BODIES),
        st.sampled_from(["users/admin", "users/alice", "users/nobody", None]),
        st.sampled_from([0, 0, 1, 7, SECOND_NS // 3, SECOND_NS, 60 * SECOND_NS]),
    ),
    min_size=1,
    max_size=12,
)


@given(STEPS)
@settings(deadline=None)
def test_nobody_can_tell_who_answers(steps):
    clock = FakeClock()
    twins = Twins(LimitWorld(clock), LimitWorld(clock))
    for body, principal, passed_ns in steps:
        clock.now_ns += passed_ns
        twins.call(CONSUME, body, principal)


def test_what_is_valid_needs_no_python(twins, clock):
    for cost in (1, 0, 4, 5, 2**32 - 1):
        for descriptors in ([ALICE], [ALICE] * 2, [(each,) for each in DESCRIPTORS], PAIRS):
            assert twins.is_answered(CONSUME, body(*descriptors, cost=cost)), (cost, descriptors)
            clock.now_ns += SECOND_NS // 3


def test_one_that_is_refused_takes_nothing_from_the_others(twins):
    stacked = body(ALICE, (("user", "albert"),), cost=3)
    reply = limit_pb2.ConsumeResponse.FromString(twins.call(CONSUME, stacked).reply)
    assert (reply.allowed, [each.allowed for each in reply.statuses]) == (False, [True, False])
    assert [each.remaining for each in reply.statuses] == [8, 2]


def test_the_most_that_a_request_may_hold(twins):
    entries = tuple(("k" * 128, "\U0001f600" * 512) for _ in range(8))
    assert twins.is_answered(CONSUME, body(*[entries] * 32))
    assert not twins.is_answered(CONSUME, body(*[entries] * 33))
    assert not twins.is_answered(CONSUME, body((*entries, ("k", ""))))


def test_a_limit_in_shadow_counts_and_never_refuses(twins):
    for _ in range(4):
        assert twins.is_answered(CONSUME, body((("path", "/x"),), ALICE, cost=1))
    reply = limit_pb2.ConsumeResponse.FromString(twins.call(CONSUME, body((("path", "/x"),))).reply)
    assert reply.allowed
    assert (reply.statuses[0].allowed, reply.statuses[0].shadow) == (False, True)


def test_a_limit_in_shadow_takes_nothing_where_another_refuses(twins):
    twins.call(CONSUME, body(ALICE, cost=8))
    reply = twins.call(CONSUME, body((("path", "/x"),), ALICE)).reply
    shadow, refusing = limit_pb2.ConsumeResponse.FromString(reply).statuses
    assert (shadow.allowed, shadow.remaining) == (True, 2)
    assert (refusing.allowed, refusing.remaining) == (False, 0)


def test_new_rules_count_from_the_next_call_on(twins):
    for world in (twins.python, twins.direct):
        world.limits.replace_rules([rule("alice", ("user", "alice"), requests=1)])
    assert twins.is_answered(CONSUME, body(ALICE))
    reply = limit_pb2.ConsumeResponse.FromString(twins.call(CONSUME, body(ALICE)).reply)
    assert (reply.allowed, reply.statuses[0].limit) == (False, 1)


def test_who_may_not_is_refused_without_python(twins):
    assert twins.is_answered(CONSUME, body(ALICE, domain="checkout"), "users/alice")
    assert twins.is_answered(CONSUME, body(ALICE, domain="other"), "users/alice")
    refused = twins.call(CONSUME, body(ALICE, domain="other"), "users/alice")
    assert refused.rejection[:3] == (7, "authorization", "PERMISSION_DENIED")
    # Who may not touch a resource does not learn what is wrong with the request.
    assert twins.call(CONSUME, body(domain="other"), "users/alice") == refused


def test_authorization_in_shadow_is_noted_once():
    clock = FakeClock()
    overrides = {CONSUME: PolicyOverride(shadow=["authorization"])}
    twins = Twins(LimitWorld(clock, overrides), LimitWorld(clock, overrides))
    outcome = twins.call(CONSUME, body(ALICE, domain="other"), "users/nobody")
    assert twins.answered == 1
    assert outcome.shadowed == ("PERMISSION_DENIED", "PERMISSION_DENIED")  # head and object


@pytest.mark.parametrize("resource", ["", "limits", "everything/{domain}", "{domain=**}"])
def test_another_resource_is_asked_for_alike(resource):
    clock = FakeClock()
    access = PermissionAccess(permission="limits.consume", resource=resource)
    overrides = {CONSUME: PolicyOverride(access=access)}
    twins = Twins(LimitWorld(clock, overrides), LimitWorld(clock, overrides))
    for principal in ("users/admin", "users/alice", "users/nobody"):
        assert twins.is_answered(CONSUME, body(ALICE), principal)


def test_what_protobuf_refuses_is_declined(clock):
    world = LimitWorld(clock)
    bodies = [body(ALICE, cost=300, check_only=True), body((("user", "ä"), ("plan", "free")))]
    before = world.state()
    refused = declines_what_protobuf_refuses(
        world, CONSUME, limit_pb2.ConsumeRequest.FromString, bodies
    )
    assert refused > 1000
    assert world.state() == before


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("a field out of order", b"\x18\x02" + body(ALICE)),
        ("a field that nobody knows", body(ALICE) + b"\x28\x01"),
        ("a domain that comes twice", b"\x0a\x05other" + body(ALICE)),
        ("a varint that is too long", body(ALICE) + b"\x18\x82\x00"),
        ("a cost beyond 32 bits", body(ALICE) + b"\x18\x81\x80\x80\x80\x10"),
        ("a flag that is neither 0 nor 1", body(ALICE) + b"\x20\x02"),
    ],
)
def test_what_is_unusual_is_left_to_python(twins, name, changed):
    assert not twins.is_answered(CONSUME, changed), name
