"""Guards that have been asked before say at every call what those say that have not."""

from dataclasses import dataclass

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.authorization import authorization_guards
from blrcs.security.condition_compiler import compile_condition
from blrcs.transport.in_process import InProcessStream
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec
from blrcs_native.calls.call import Call, Principal
from blrcs_native.guards.authentication import AuthenticationGuard
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.certificate import CertificatePrincipals
from tests.unit.interceptors.calls import Request, method_of
from tests.unit.native.tokens.token_factory import make_token, make_verifier

READ = "things.read"
NOW_NS = 1_000
LATER_NS = 2_000
TENANT_GROUP = "tenants/1/groups/own"
ROLES = [RoleSpec("reader", [READ]), RoleSpec("all", ["*"]), RoleSpec("tenants/1/roles/r", [READ])]
GROUPS = [
    GroupSpec("groups/0", ["users/0", "groups/issued"]),
    GroupSpec(TENANT_GROUP, ["users/1"]),
]
MEMBERS = ["users/0", "users/1", "groups/0", "groups/issued", TENANT_GROUP, "allAuthenticated"]
RESOURCES = ["", "tenants/1", "tenants/1/10", "tenants/2", "é", "users/0/x"]
CONDITIONS = [
    compile_condition(text)
    for text in (
        "now < timestamp('1970-01-01T00:00:00.000001001Z')",
        "request.time >= timestamp('1970-01-01T00:00:00.000001Z')",
        "'groups/0' in principal.groups",
        f"'{TENANT_GROUP}' in principal.groups",
        "principal.name == 'users/0' && principal.claims.level == 2",
        "principal.claims.level == 3",
        "source.address == '192.0.2.1'",
        "resource.name.startsWith('tenants/1')",
        "request.message.name == 'tenants/1'",
        "request.message.nothing == 1",
        "source.address == '192.0.2.1' || request.message.name == 'é'",
    )
]


def identified(members):
    return members["sub"], tuple(members["groups"])


VERIFIER = make_verifier(identify=identified)
AUTHENTICATION = AuthenticationGuard(VERIFIER, {})
TOKENS = [
    make_token(sub=name, groups=groups, level=level)
    for name, groups, level in (
        ("users/0", [], 2),
        ("users/0", [], 3),
        ("users/1", [], 2),
        ("users/1", ["groups/issued"], 2),
        ("users/2", ["groups/issued"], 3),
        ("users/2", [], 3),
    )
]


@dataclass
class Clock:
    now_ns: int = NOW_NS

    def __call__(self):
        return self.now_ns


@dataclass
class Asked:
    """One method's guards, asked again and again."""

    access: CurrentAccess
    resource: str = "{name=**?}"
    or_owner: bool = False

    def __post_init__(self):
        policy = MethodPolicy(Permission(READ, self.resource, or_owner=self.or_owner))
        self.method = method_of(policy)
        self.guards = authorization_guards(self.method, policy, self.access)

    def call(self, token, address="192.0.2.1"):
        """Of a caller whom the token names, and by whom it is remembered."""
        call = Call(
            self.method, InProcessStream(None), (("authorization", f"Bearer {token}"),), address
        )
        assert AUTHENTICATION.check(call) is None
        return call

    def judged(self, call, name):
        """Whether the guards before the body let it pass, and those after it."""
        (head,), (body,) = self.guards.head, self.guards.body
        if head.check(call) is not None:
            return False, False
        call.request = Request(name=name)
        return True, body.check(call) is None

    def admits(self, token, name="tenants/1", address="192.0.2.1"):
        return self.judged(self.call(token, address), name) == (True, True)


def unknown(principal):
    """The same caller, as one who is never remembered."""
    return Principal(
        principal.name, claims=principal.claims, groups=principal.groups, scope=principal.scope
    )


@st.composite
def bindings(draw):
    return [
        BindingSpec(
            f"binding{number}",
            draw(st.sampled_from(["reader", "all", "tenants/1/roles/r"])),
            draw(st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=2, unique=True)),
            draw(st.sampled_from(RESOURCES)),
            draw(st.sampled_from([None, None, NOW_NS, NOW_NS + 1])),
            draw(st.sampled_from([False, False, False, True])),
            draw(st.sampled_from([None, *CONDITIONS])),
        )
        for number in range(draw(st.integers(1, 12)))
    ]


questions = st.tuples(
    st.sampled_from(TOKENS),
    st.sampled_from(RESOURCES),
    st.sampled_from(["192.0.2.1", "192.0.2.2"]),
    st.sampled_from([NOW_NS - 1, NOW_NS, NOW_NS + 1]),
)
templates = st.sampled_from(
    [("{name=**?}", False), ("tenants/1", False), ("", False), ("{name=**?}", True)]
)


@given(bindings(), templates, st.lists(questions, min_size=8, max_size=24))
def test_what_is_remembered_is_what_is_found_anew(bound, template, asked):
    clock = Clock()
    table = AccessTable(ROLES, GROUPS, bound, clock=clock)
    access = CurrentAccess(table)
    known, fresh = Asked(access, *template), Asked(access, *template)
    for token, name, address, clock.now_ns in asked:
        call, twin = known.call(token, address), known.call(token, address)
        twin.principal = unknown(call.principal)
        verdicts = known.judged(call, name)
        assert verdicts == fresh.judged(twin, name)
        if not template[1]:
            twin.request = Request(name=name)
            question = (call.principal.name, READ, name if "{" in template[0] else template[0])
            told = {"groups": call.principal.groups, "call": twin}
            assert all(verdicts) is table.check(*question, **told)
            assert all(verdicts) is table.explain(*question, **told).allowed
        event(f"{verdicts}")


def one(*bound, clock=None, **options):
    return Asked(
        CurrentAccess(AccessTable(ROLES, GROUPS, bound, clock=clock or Clock())), **options
    )


CONDITIONAL = BindingSpec("b", "reader", ["users/0", "workloads/w"], "tenants/1")


@pytest.mark.parametrize("resource", ["tenants/1", "{name=**?}"])
def test_a_condition_is_judged_by_each_call(resource):
    asked = one(
        CONDITIONAL._replace(condition=compile_condition("source.address == '192.0.2.1'")),
        resource=resource,
    )
    for _ in range(3):
        assert asked.admits(TOKENS[0])
        assert not asked.admits(TOKENS[0], address="192.0.2.2")


@pytest.mark.parametrize("resource", ["tenants/1", "{name=**?}"])
def test_more_bindings_than_are_remembered_are_judged_as_few_are(resource):
    places = range(20)
    asked = one(
        *(
            CONDITIONAL._replace(
                name=f"b{n}", condition=compile_condition(f"source.address == '192.0.2.{n}'")
            )
            for n in places
        ),
        resource=resource,
    )
    for _ in range(2):
        assert all(asked.admits(TOKENS[0], address=f"192.0.2.{n}") for n in places)
        assert not asked.admits(TOKENS[0], address="192.0.2.99")


@pytest.mark.parametrize("tenants", [1, 15, 16, 17, 40])
def test_who_may_in_some_tenants_for_a_while_may_until_the_last_ends(tenants):
    clock = Clock()
    asked = one(
        *(
            BindingSpec(f"b{n}", "reader", ["users/0"], f"tenants/t{n}", NOW_NS + n)
            for n in range(1, tenants + 1)
        ),
        clock=clock,
    )
    for clock.now_ns in (NOW_NS, NOW_NS + tenants - 1, NOW_NS + tenants, NOW_NS):
        passes = clock.now_ns < NOW_NS + tenants
        for _ in range(2):
            assert asked.judged(asked.call(TOKENS[0]), f"tenants/t{tenants}") == (passes, passes)


def test_who_is_denied_for_a_while_is_denied_until_then():
    clock = Clock()
    asked = one(
        BindingSpec("all", "reader", ["users/0"]),
        BindingSpec("no", "reader", ["users/0"], "", LATER_NS, denies=True),
        clock=clock,
    )
    for clock.now_ns in (NOW_NS, LATER_NS - 1, LATER_NS, NOW_NS):
        for _ in range(2):
            passes = clock.now_ns >= LATER_NS
            assert asked.judged(asked.call(TOKENS[0]), "tenants/1") == (passes, passes)


def test_who_a_certificate_names_is_remembered_as_that_one():
    """Of two workloads one may, for a while; and a certificate's end is not the binding's."""
    clock = Clock()
    asked = one(CONDITIONAL._replace(expires_at_ns=LATER_NS), clock=clock, resource="tenants/1")
    shown = {
        b"one": ("workloads/w", 253_402_300_799 * 10**9),  # the year 9999
        b"other": ("workloads/w", NOW_NS + 1),
        b"stranger": ("workloads/x", LATER_NS),
    }
    principals = CertificatePrincipals(shown.get, clock)

    class Shown(InProcessStream):
        def auth_context(self):
            return {"x509_pem_cert": [self.pem]}

    def admits(pem):
        stream = Shown(None)
        stream.pem = pem
        call = Call(asked.method, stream, (), "192.0.2.1")
        call.principal = principals.principal(call)
        return asked.judged(call, "tenants/1") == (True, True)

    for _ in range(2):
        assert [admits(pem) for pem in shown] == [True, True, False]
    clock.now_ns = NOW_NS + 1
    assert [admits(pem) for pem in shown] == [True, False, False]
    clock.now_ns = LATER_NS
    assert [admits(pem) for pem in shown] == [False, False, False]
    asked.access.replace(AccessTable(ROLES, [], [CONDITIONAL], clock=clock))
    assert admits(b"one")
