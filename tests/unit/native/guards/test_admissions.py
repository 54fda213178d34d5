"""What guards remember of who was admitted says no more than asking them anew would."""

import time

import pytest

from blrcs.security.condition_compiler import compile_condition
from blrcs_native.access.decision_log import DecisionLog
from blrcs_native.access.resource_template import ResourceTemplate
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Principal
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.authorization import CurrentAccess, ObjectAuthorizationGuard
from tests.unit.native.direct.direct_twins import VERIFIER
from tests.unit.native.direct.test_direct_limit import ALICE, CONSUME, LimitWorld, body
from tests.unit.native.tokens.token_factory import FakeClock

ROLE = RoleSpec("all", ["*"])
CHECKOUT = BindingSpec("b", "all", ["users/alice"], "limits/checkout")


def table_of(*bindings, clock=time.time_ns):
    return AccessTable([ROLE], [], bindings, clock=clock)


class Asked:
    """A method that is answered directly, asked again and again by the same guards."""

    def __init__(self, *bindings, clock=time.time_ns):
        self.access = CurrentAccess(table_of(*bindings, clock=clock))
        self.world = LimitWorld(FakeClock(), access=self.access)

    def admits(self, principal="users/alice", domain="checkout"):
        """Whether the answer is none that refuses; as the head's guards and the body's say."""
        outcome = self.world.answered(CONSUME, body(ALICE, domain=domain, cost=0), principal)
        return outcome.rejection is None


@pytest.fixture
def asked():
    return Asked(CHECKOUT)


def test_who_is_admitted_stays_so(asked):
    assert [asked.admits() for _ in range(5)] == [True] * 5


def test_what_one_may_another_may_not(asked):
    assert asked.admits()
    assert not asked.admits("users/nobody")
    assert asked.admits()


def test_a_resource_is_told_from_another(asked):
    assert asked.admits()
    assert not asked.admits(domain="checkou")
    assert not asked.admits(domain="checkouts")
    assert not asked.admits(domain="x" * 60)


def test_a_table_that_takes_it_away_is_heard_at_once(asked):
    assert asked.admits()
    assert asked.admits()
    asked.access.replace(table_of())
    assert not asked.admits()
    asked.access.replace(table_of(CHECKOUT))
    assert asked.admits()


def test_a_denial_counts_from_its_table_on(asked):
    assert asked.admits()
    asked.access.replace(table_of(CHECKOUT, CHECKOUT._replace(name="no", denies=True)))
    assert not asked.admits()


def test_a_binding_that_ends_ends():
    now_ns = 1_000
    asked = Asked(CHECKOUT._replace(expires_at_ns=2_000), clock=lambda: now_ns)
    assert asked.admits()
    assert asked.admits()
    now_ns = 2_000
    assert not asked.admits()


def test_a_condition_is_asked_each_time():
    now_ns = 10**9
    condition = compile_condition('now < timestamp("1970-01-01T00:00:02Z")')
    asked = Asked(CHECKOUT._replace(condition=condition), clock=lambda: now_ns)
    assert asked.admits()
    assert asked.admits()
    now_ns = 2 * 10**9
    assert not asked.admits()


def test_each_decision_is_recorded_where_decisions_are(asked):
    log = DecisionLog(8)
    assert asked.admits()
    asked.access.record(log)
    assert asked.admits()
    assert asked.admits()
    assert list(log.take().values()) == [2]


def test_a_principal_that_no_token_names_is_never_remembered():
    """Somebody else may have put other claims to its name."""
    access = CurrentAccess(table_of(CHECKOUT))
    denied = Rejection(7, "authorization", "DENIED", "no")
    template = ResourceTemplate("limits/{domain}")
    guard = ObjectAuthorizationGuard(access, "limits.consume", template, denied)
    world = LimitWorld(FakeClock(), access=access)
    call = world.call(CONSUME, "users/alice")
    claims = VERIFIER.verify(dict(call.metadata)["authorization"].removeprefix("Bearer "))
    for name, verdict in (("users/alice", None), ("users/nobody", denied)) * 2:
        call.principal = Principal(name, claims=claims)
        call.request = type("Request", (), {"domain": "checkout"})
        assert guard.check(call) is verdict


def test_what_ends_in_a_tenant_ends():
    now_ns = 1_000
    ending = BindingSpec("t", "all", ["users/alice"], "tenants/t", expires_at_ns=2_000)
    access = CurrentAccess(table_of(CHECKOUT, ending, clock=lambda: now_ns))
    template = ResourceTemplate("tenants/{domain}")
    denied = Rejection(7, "authorization", "DENIED", "no")
    guard = ObjectAuthorizationGuard(access, "limits.consume", template, denied)
    world = LimitWorld(FakeClock(), access=access)
    call = world.call(CONSUME, "users/alice")
    assert world.pipelines[CONSUME].admit(call) is None
    call.request = type("Request", (), {"domain": "t"})
    assert [guard.check(call) for _ in range(3)] == [None] * 3
    now_ns = 2_000
    assert guard.check(call) is denied
