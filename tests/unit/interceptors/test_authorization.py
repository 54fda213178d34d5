"""Authorization by what a principal brings with it, and by what denies it."""

import pytest

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.authorization import authorization_guards
from blrcs.security.condition_compiler import compile_condition
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import user_pb2
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec
from blrcs_native.calls.call import Call, Principal
from blrcs_native.guards.authorization import CurrentAccess
from tests.unit.interceptors.calls import method_of

READ = "things.read"
ROLES = [RoleSpec("reader", [READ]), RoleSpec("all", ["*"])]


def access(*bindings, groups=()):
    return CurrentAccess(AccessTable(ROLES, groups, bindings))


def admits(made, principal, name="users/bob", *, resource="{name=**}", or_owner=False):
    """Whether the guards before the body, and after it, let a call pass."""
    policy = MethodPolicy(Permission(READ, resource, or_owner=or_owner))
    guards = authorization_guards(method_of(policy), policy, made)
    call = Call(method_of(policy), InProcessStream(None), (), "192.0.2.1")
    call.principal = principal
    call.request = user_pb2.GetUserRequest(name=name)
    verdicts = [guard.check(call) for guard in (*guards.head, *guards.body)]
    return verdicts == [None, None]


@pytest.mark.parametrize("resource", ["{name=**}", "users/bob"])
def test_groups_of_the_issuer_count_as_those_of_the_policy_do(resource):
    made = access(
        BindingSpec("b", "reader", ["groups/devs"], "users"),
        groups=[GroupSpec("groups/devs", ["groups/seniors", "users/carol"])],
    )

    def alice(*groups):
        return Principal("users/alice", groups=groups)

    assert not admits(made, alice(), resource=resource)
    assert not admits(made, alice("groups/other"), resource=resource)
    assert admits(made, alice("groups/devs"), resource=resource)
    assert admits(made, alice("groups/other", "groups/seniors"), resource=resource)
    assert admits(made, Principal("users/carol", groups=("groups/other",)), resource=resource)


@pytest.mark.parametrize("resource", ["{name=**}", "users/bob"])
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (None, True),
        (frozenset(), False),
        (frozenset({"things.write"}), False),
        (frozenset({"things"}), False),
        (frozenset({"things.read"}), True),
        (frozenset({"things.*", "x"}), True),
        (frozenset({"thing.*"}), False),
        (frozenset({"*"}), True),
    ],
)
def test_a_scope_limits_what_is_granted(resource, scope, expected):
    made = access(BindingSpec("b", "reader", ["users/alice"]))
    assert admits(made, Principal("users/alice", scope=scope), resource=resource) is expected
    call = Call(method_of(None), InProcessStream(None), (), "192.0.2.1")
    call.principal = Principal("users/alice", scope=scope)
    assert made.permits(call, READ, "users/bob") is expected


def test_a_scope_grants_nothing():
    assert not admits(access(), Principal("users/alice", scope=frozenset({"*"})))


def test_a_scope_limits_owners_too():
    def owner(scope):
        return admits(access(), Principal("users/bob", scope=scope), or_owner=True)

    assert owner(None)
    assert owner(frozenset({"things.*"}))
    assert not owner(frozenset({"users.*"}))


def test_an_owner_can_be_denied():
    alice = Principal("users/alice")
    denial = BindingSpec("no", "reader", ["users/alice"], "users/alice/keys", denies=True)
    made = access(denial)
    assert admits(made, alice, "users/alice", or_owner=True)
    assert admits(made, alice, "users/alice/x", or_owner=True)
    assert not admits(made, alice, "users/alice/keys", or_owner=True)
    assert not admits(made, alice, "users/alice/keys/1", or_owner=True)
    assert not admits(made, alice, "users/bob", or_owner=True)


@pytest.mark.parametrize("resource", ["{name=**}", "users/bob"])
def test_a_denial_counts_before_and_after_the_body(resource):
    grant = BindingSpec("yes", "all", ["users/alice"])
    alice = Principal("users/alice")
    for where, expected in (("", False), ("users", False), ("users/bob", False), ("groups", True)):
        made = access(grant, BindingSpec("no", "reader", ["users/alice"], where, denies=True))
        assert admits(made, alice, resource=resource) is expected
        call = Call(method_of(None), InProcessStream(None), (), "192.0.2.1")
        call.principal = alice
        assert made.permits(call, READ, "users/bob") is expected


def test_no_principal_may_nothing():
    made = access(BindingSpec("b", "all", ["allUsers"]))
    call = Call(method_of(None), InProcessStream(None), (), "192.0.2.1")
    assert not made.permits(call, READ, "")
    assert not admits(made, None)


def conditional(expression, *, denies=False, role="reader"):
    condition = compile_condition(expression)
    return BindingSpec("c", role, ["users/alice"], "users", None, denies, condition)


ALICE = Principal("users/alice", groups=("groups/x",), claims={"acr": "2", "amr": ["otp"]})
GRANT = BindingSpec("yes", "reader", ["users/alice"])


@pytest.mark.parametrize("resource", ["{name=**}", "users/bob"])
@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("true", True),
        ("request.method == '/tests.Service/Get'", True),
        ("request.method == '/tests.Service/Other'", False),
        ("source.address.startsWith('192.0.2.')", True),
        ("source.address == '192.0.2.9'", False),
        ("principal.name == 'users/alice'", True),
        ("'groups/x' in principal.groups", True),
        ("principal.claims.acr == '2' && 'otp' in principal.claims.amr", True),
        ("principal.claims.acr == '3'", False),
        ("resource.name == 'users/bob'", True),
        ("now > timestamp('2026-01-01T00:00:00Z') && request.time == now", True),
        ("request.message.name == 'users/bob'", True),
        ("request.message.name == 'users/carol'", False),
        ("request.message.name == 'users/bob' && principal.claims.acr == '3'", False),
        ("principal.claims.acr == '2' || request.message.name == ''", True),
        ("principal.claims.unknown == 1", None),
        ("request.message.unknown == 1", None),
        ("request.message.name < 1", None),
        ("request.message.unknown == 1 || principal.claims.acr == '2'", True),
        ("request.message.name == 'users/bob' || principal.claims.unknown", True),
    ],
)
def test_conditions_decide_and_what_cannot_be_judged_denies(resource, expression, holds):
    """None: it cannot be judged, so that a grant does not count, and a denial does."""
    granted = access(conditional(expression))
    assert admits(granted, ALICE, resource=resource) is (holds is True)
    denied = access(GRANT, conditional(expression, denies=True))
    assert admits(denied, ALICE, resource=resource) is (holds is False)


def test_a_condition_that_asks_for_the_request_waits_for_it():
    made = access(conditional("request.message.name == 'users/carol'"))
    policy = MethodPolicy(Permission(READ, "users/bob"))
    guards = authorization_guards(method_of(policy), policy, made)
    call = Call(method_of(policy), InProcessStream(None), (), "192.0.2.1")
    call.principal = ALICE
    assert [guard.check(call) for guard in guards.head] == [None]
    call.request = user_pb2.GetUserRequest(name="users/bob")
    assert [guard.check(call).code for guard in guards.body] == [7]


def test_what_the_request_cannot_change_is_decided_before_it():
    policy = MethodPolicy(Permission(READ, "users/bob"))
    for expression in ("principal.claims.acr == '3' && request.message.name == ''", "false"):
        made = access(conditional(expression))
        guards = authorization_guards(method_of(policy), policy, made)
        call = Call(method_of(policy), InProcessStream(None), (), "192.0.2.1")
        call.principal = ALICE
        assert [guard.check(call).code for guard in guards.head] == [7]


def test_who_asks_about_another_gets_no_answer_by_a_call():
    made = access(conditional("request.method != ''"))
    assert not made.table.check("users/alice", READ, "users/bob")
    assert made.table.explain("users/alice", READ, "users/bob").reason == "condition_error"
    made = access(GRANT, conditional("request.method != ''", denies=True))
    assert not made.table.check("users/alice", READ, "users/bob")
    explained = made.table.explain("users/alice", READ, "users/bob")
    assert (explained.reason, explained.binding) == ("denied_by_error", "c")


def test_an_explanation_names_the_condition_that_does_not_hold():
    made = access(conditional("resource.name == 'users/carol'"))
    explained = made.table.explain("users/alice", READ, "users/bob")
    assert (explained.reason, explained.near_misses[0].binding) == ("condition_false", "c")
    assert made.table.explain("users/alice", READ, "users/carol").allowed


def refusal(made, principal, name="", *, resource="{name=**}", or_owner=False):
    """What the guard behind the body says."""
    policy = MethodPolicy(Permission(READ, resource, or_owner=or_owner))
    guards = authorization_guards(method_of(policy), policy, made)
    call = Call(method_of(policy), InProcessStream(None), (), "192.0.2.1")
    call.principal = principal
    call.request = user_pb2.GetUserRequest(name=name)
    (guard,) = guards.body
    return guard.check(call)


@pytest.mark.parametrize(
    ("made", "principal", "is_told"),
    [
        (access(), ALICE, False),
        (access(GRANT), ALICE, True),
        (access(BindingSpec("far", "reader", ["users/alice"], "tenants/acme")), ALICE, True),
        (access(BindingSpec("other", "reader", ["users/carol"])), ALICE, False),
        (access(BindingSpec("group", "reader", ["groups/x"])), ALICE, True),
        (access(GRANT), Principal("users/alice", scope=frozenset({"things.write"})), False),
        (access(GRANT), Principal("users/alice", scope=frozenset({READ})), True),
        (access(), Principal("users/alice", scope=frozenset({READ})), False),
        (access(BindingSpec("past", "reader", ["users/alice"], "", 1)), ALICE, False),
        (access(GRANT, BindingSpec("no", "all", ["users/alice"], "", None, True)), ALICE, False),
        (access(conditional("principal.claims.acr == '3'")), ALICE, True),
        (access(GRANT, conditional("true", denies=True)), ALICE, True),
    ],
)
@pytest.mark.parametrize("or_owner", [False, True])
def test_who_may_somewhere_is_told_that_the_request_names_nothing(
    made, principal, is_told, or_owner
):
    refused = refusal(made, principal, or_owner=or_owner)
    assert refused.code == (3 if is_told else 7)
    assert refused.reason == ("REQUEST_INVALID" if is_told else "PERMISSION_DENIED")
    if is_told:
        assert refused.message == "name names no resource"


def test_a_field_of_one_segment_that_has_several_is_named():
    refused = refusal(access(GRANT), ALICE, "a/b", resource="users/{name}")
    assert (refused.code, refused.message) == (3, "name names no resource")


def test_a_name_where_the_caller_may_not_is_denied():
    made = access(BindingSpec("far", "reader", ["users/alice"], "tenants/acme"))
    for name in ("users/bob", "tenants//acme", "tenants/other"):
        for or_owner in (False, True):
            assert refusal(made, ALICE, name, or_owner=or_owner).code == 7
