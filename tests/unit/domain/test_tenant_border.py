"""What a tenant owns counts within that tenant alone."""

import pytest

from blrcs.domain.access_name import home_of, is_group, owned_by, require_name, role_name
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.builtin_roles import VIEWER
from blrcs.domain.delegation import Actor, check_delegation
from blrcs.domain.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.domain.who_can import who_can

HISTORY = {"create_time_ns": 1, "update_time_ns": 1}
ACME, OTHER = "tenants/acme", "tenants/other"
NOW_NS = 1_000


def role(name, *permissions, included=()):
    return Role(name=name, permissions=permissions, included_roles=included)


def group(name, *members):
    return Group(name=name, members=members, **HISTORY)


def binding(role, *members, resource="", **fields):
    return Binding(
        name="bindings/b", role=role, members=members, resource=resource, **HISTORY, **fields
    )


def policy():
    """Two tenants and the root, with a role and a group each."""
    made = AccessPolicy()
    for home in ("", f"{ACME}/", f"{OTHER}/"):
        made = made.with_role(role(f"{home}roles/own", "o.read"))
        made = made.with_group(group(f"{home}groups/own", "users/a"))
    return made


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("roles/own", ""),
        ("groups/tenants", ""),
        ("tenants/acme/roles/r", ACME),
        ("tenants/acme/groups/own", ACME),
        ("tenants/acme2/groups/own", "tenants/acme2"),
    ],
)
def test_a_name_says_who_owns_it(name, home):
    assert home_of(name) == home
    assert home_of(role_name("x", home)) == home
    assert list(owned_by(home, {name: 1, "tenants/x/roles/own": 2})) == [name]


@pytest.mark.parametrize(
    "name", ["tenants/acme", "tenants/acme/roles", "tenants/acme/roles/", "tenants/a/b/roles/own"]
)
def test_what_is_no_name_is_none(name):
    with pytest.raises(InvalidArgumentError):
        require_name(name, "roles")


def test_groups_are_told_from_principals():
    assert is_group("groups/own")
    assert is_group("tenants/acme/groups/own")
    assert not is_group("users/tenants")
    assert not is_group("allUsers")


@pytest.mark.parametrize(
    "change",
    [
        role(f"{ACME}/roles/new", included=(f"{ACME}/roles/own", "roles/own", VIEWER)),
        group(f"{ACME}/groups/new", f"{ACME}/groups/own", "users/b"),
        binding(f"{ACME}/roles/own", f"{ACME}/groups/own", "groups/own", resource=ACME),
        binding("roles/own", f"{ACME}/groups/own", resource=f"{ACME}/orders/7"),
        binding(f"{ACME}/roles/own", "users/a", resource=f"{ACME}/orders"),
    ],
    ids=lambda each: each.name,
)
def test_a_tenant_uses_its_own_and_what_nobody_owns(change):
    assert put(policy(), change).epoch == policy().epoch + 1


@pytest.mark.parametrize(
    "change",
    [
        role(f"{ACME}/roles/new", included=("{}/roles/{}",)),
        role("roles/new", included=("{}/roles/{}",)),
        group(f"{ACME}/groups/new", "{}/groups/{}"),
        group("groups/new", "{}/groups/{}"),
        binding("{}/roles/{}", "users/a", resource=ACME),
        binding("{}/roles/{}", "users/a"),
        binding("{}/roles/{}", "users/a", resource="tenants"),
        binding("{}/roles/{}", "users/a", resource=f"{OTHER}2"),
        binding("roles/own", "{}/groups/{}", resource=ACME),
        binding("roles/own", "{}/groups/{}", resource=""),
    ],
    ids=str,
)
def test_what_is_anothers_is_as_unknown_as_what_is_nowhere(change):
    """Whether there is such a role or group in the other tenant makes no difference."""
    answers = []
    for name in ("own", "none"):
        wanted = rename(change, name)
        with pytest.raises(NotFoundError) as caught:
            put(policy(), wanted)
        answers.append(str(caught.value).replace(f"/{name}", "/?"))
    assert answers[0] == answers[1]


def test_a_group_of_a_tenant_contains_no_group_that_all_have():
    with pytest.raises(NotFoundError):
        put(policy(), group(f"{ACME}/groups/new", "groups/own"))


def test_groups_of_a_tenant_nest_as_deep_as_others_and_in_no_circle():
    made = policy()
    made = made.with_group(group(f"{ACME}/groups/g1"))
    for depth in range(2, 9):
        below = f"{ACME}/groups/g{depth - 1}"
        made = made.with_group(group(f"{ACME}/groups/g{depth}", below))
    for reason, wanted in (
        ("GROUP_TOO_DEEP", group(f"{ACME}/groups/g9", f"{ACME}/groups/g8")),
        ("GROUP_CYCLE", group(f"{ACME}/groups/g1", f"{ACME}/groups/g8")),
    ):
        with pytest.raises(FailedPreconditionError) as caught:
            made.with_group(wanted)
        assert caught.value.reason == reason


def test_what_is_bound_is_not_deleted():
    bound = put(policy(), binding(f"{ACME}/roles/own", f"{ACME}/groups/own", resource=ACME))
    for name in ("roles/own", "groups/own"):
        with pytest.raises(FailedPreconditionError, match="is used by bindings/b"):
            bound.without(f"{ACME}/{name}")
    assert f"{OTHER}/roles/own" not in bound.without(f"{OTHER}/roles/own", "").roles
    assert "groups/own" not in bound.without("groups/own", "").groups


def test_members_of_a_tenants_group_are_told_and_the_group_is_not():
    bound = put(policy(), binding(f"{ACME}/roles/own", f"{ACME}/groups/own", resource=ACME))
    (holder,) = who_can(bound, "o.read", f"{ACME}/orders", NOW_NS)
    assert (holder.principal, holder.held_by[0].member) == ("users/a", f"{ACME}/groups/own")
    assert who_can(bound, "o.read", OTHER, NOW_NS) == []


def test_a_deleted_principal_leaves_the_groups_of_tenants_too():
    left = policy().without_principal("users/a", now_ns=NOW_NS)
    assert {each.members for each in left.groups.values()} == {()}


@pytest.mark.parametrize(
    ("permissions", "included", "may"),
    [
        (("o.read",), (), True),
        (("o.*",), (), True),
        ((), (f"{ACME}/roles/held",), True),
        (("o.*", "p"), (), False),
        (("*",), (), False),
        ((), ("roles/administrator",), False),
        ((), (f"{ACME}/roles/old",), False),
    ],
)
def test_into_a_tenants_role_goes_what_its_maker_holds(permissions, included, may):
    """Also where nothing binds the role, and he has what he holds for a while only."""
    old = policy()
    for each in (
        role("roles/delegate", "o.*", "blrcs.roles.*"),
        role(f"{ACME}/roles/held", "o.x"),
        role(f"{ACME}/roles/old", "q"),
    ):
        old = old.with_role(each)
    old = put(old, binding("roles/delegate", "users/d", resource=ACME, expire_time_ns=NOW_NS + 1))
    for name in (f"{ACME}/roles/new", f"{ACME}/roles/own"):
        changed = old.with_role(role(name, *permissions, included=included))
        assert delegates(old, changed, "users/d") is may
    kept = old.with_role(role(f"{ACME}/roles/old", "q", "o.x"))
    assert delegates(old, kept, "users/d")  # what is there already he does not put there
    elsewhere = old.with_role(role(f"{OTHER}/roles/new", "o.read"))
    assert not delegates(old, elsewhere, "users/d")


def delegates(old, new, actor):
    try:
        check_delegation(Actor(actor), old, new, NOW_NS)
    except PermissionDeniedError:
        return False
    return True


def put(policy, change):
    match change:
        case Role():
            return policy.with_role(change)
        case Group():
            return policy.with_group(change)
        case _:
            return policy.with_binding(change, now_ns=NOW_NS)


def rename(change, own):
    """With a role or group of another tenant in the place that is left for it."""
    if isinstance(change, Role):
        (included,) = change.included_roles
        return role(change.name, included=(included.format(OTHER, own),))
    if isinstance(change, Group):
        (member,) = change.members
        return group(change.name, member.format(OTHER, own))
    (member,) = change.members
    return binding(
        change.role.format(OTHER, own), member.format(OTHER, own), resource=change.resource
    )
