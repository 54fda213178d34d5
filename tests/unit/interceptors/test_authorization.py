"""Authorization by what a principal brings with it, and by what denies it."""

import pytest

from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.authorization import authorization_guards
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import user_pb2
from blrcs_native.access import AccessTable, BindingSpec, GroupSpec, RoleSpec
from blrcs_native.authorization_guard import CurrentAccess
from blrcs_native.call import Call, Principal
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
