"""What holds after a change of many things at once, and how deep roles of each place may go."""

from dataclasses import replace

import pytest

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.condition.condition import Condition
from blrcs.domain.errors import InvalidArgumentError, NotFoundError
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.policy_rules import MAX_ROLE_LEVELS
from blrcs.domain.role import Role
from blrcs.security.compiled_policy import compile_policy
from blrcs_native.access import MAX_ROLE_DEPTH
from tests.unit.domain.test_access_policy import (
    NOW_NS,
    administrator,
    binding,
    group,
    policy_of,
    reason_of,
    role,
)


def refused(policy, **change):
    return reason_of(lambda: policy.changed(PolicyChange(**change), now_ns=NOW_NS))


def chain(first, levels, named):
    """Roles that include each other, the last of which includes ``first``."""
    names = [named(number) for number in range(levels)]
    return [
        Role(name=name, included_roles=(below,) if below else (), permissions=("x.read",))
        for name, below in zip(names, [*names[1:], first], strict=True)
    ]


def root_role(number):
    return f"roles/r{number}"


def tenant_role(number):
    return f"tenants/a/roles/t{number}"


def test_what_is_used_is_deleted_with_what_uses_it_alone():
    asked = Condition("'groups/asked' in principal.groups")
    policy = policy_of(
        role("inner"),
        role("outer", "roles/inner"),
        group("inner"),
        group("outer", "groups/inner"),
        group("asked"),
        binding("b", "groups/outer", role="roles/outer", condition=asked),
    )
    assert refused(policy, deleted=("roles/inner",)) == "ROLE_IN_USE"
    assert refused(policy, deleted=("roles/outer", "roles/inner")) == "ROLE_IN_USE"
    assert refused(policy, deleted=("groups/inner",)) == "GROUP_IN_USE"
    assert refused(policy, deleted=("groups/asked",)) == "GROUP_IN_USE"
    everything = (*policy.roles, *policy.groups, *policy.bindings)
    emptied = policy.changed(PolicyChange(deleted=everything), now_ns=NOW_NS)
    assert emptied == AccessPolicy(epoch=policy.epoch + 1)


def test_what_is_put_at_once_may_name_each_other_but_not_what_is_deleted():
    put = {"roles": [role("a", "roles/b"), role("b")], "groups": [group("a", "groups/b")]}
    both = PolicyChange(**put | {"groups": [*put["groups"], group("b")]})
    policy = AccessPolicy().changed(both, now_ns=NOW_NS)
    assert set(policy.roles) == {"roles/a", "roles/b"}
    with pytest.raises(NotFoundError):
        AccessPolicy().changed(PolicyChange(**put), now_ns=NOW_NS)
    assert refused(policy, roles=[role("c", "roles/b")], deleted=("roles/b",)) == "ROLE_IN_USE"


def test_circles_are_found_over_all_that_is_put():
    circle = [role("a", "roles/b"), role("b", "roles/c"), role("c", "roles/a")]
    assert refused(AccessPolicy(), roles=circle) == "ROLE_CYCLE"
    assert refused(AccessPolicy(), groups=[group("a", "groups/b"), group("b", "groups/a")])


@pytest.mark.parametrize("levels", [9, 1000])
def test_however_deep_it_is_a_change_is_refused_and_nothing_else(levels):
    roles = chain("", levels, root_role)
    groups = [group(str(n), f"groups/{n + 1}") for n in range(levels)] + [group(str(levels))]
    assert refused(AccessPolicy(), roles=roles) == "ROLE_TOO_DEEP"
    assert refused(AccessPolicy(), groups=groups) == "GROUP_TOO_DEEP"


def test_one_administrator_is_replaced_by_another_at_once_and_not_taken_away():
    policy = policy_of(administrator("admin", "users/a"))
    assert refused(policy, deleted=("bindings/admin",)) == "LAST_ADMINISTRATOR"
    assert (
        refused(
            policy,
            groups=[group("g", "users/a")],
            bindings=[binding("admin", "groups/g")],
        )
        == "LAST_ADMINISTRATOR"
    )
    other = PolicyChange(bindings=[administrator("other", "users/b")], deleted=("bindings/admin",))
    assert set(policy.changed(other, now_ns=NOW_NS).bindings) == {"bindings/other"}


def test_a_group_is_not_emptied_of_who_administers_for_now():
    temporary = administrator("admin", "groups/g", expire_time_ns=NOW_NS + 1)
    policy = policy_of(group("g", "users/a"), temporary)
    assert refused(policy, groups=[group("g")]) == "LAST_ADMINISTRATOR"


def test_nothing_is_said_of_one_name_twice():
    for change in (
        PolicyChange(roles=[role("a"), role("a")]),
        PolicyChange(groups=[group("a")], deleted=("groups/a",)),
        PolicyChange(deleted=("bindings/a", "bindings/a")),
    ):
        with pytest.raises(InvalidArgumentError, match="twice"):
            change.check()


def test_a_tenants_roles_and_the_roots_have_their_levels_each():
    assert MAX_ROLE_LEVELS <= MAX_ROLE_DEPTH
    root = chain("", MAX_ROLE_LEVELS, root_role)
    own = chain(root[0].name, MAX_ROLE_LEVELS, tenant_role)
    policy = policy_of(*reversed(root), *reversed(own))
    assert reason_of(lambda: policy.with_role(role("deep", root[0].name))) == "ROLE_TOO_DEEP"
    deep = Role(name="tenants/a/roles/deep", included_roles=(own[0].name,))
    assert reason_of(lambda: policy.with_role(deep)) == "ROLE_TOO_DEEP"
    compile_policy(policy, lambda: NOW_NS)


def test_a_tenant_that_is_as_deep_as_can_be_keeps_no_role_of_the_root_from_being_changed():
    shared = Role(name="roles/shared", permissions=("y.read",))
    own = chain(shared.name, MAX_ROLE_DEPTH, tenant_role)
    stored = AccessPolicy(roles={each.name: each for each in (shared, *own)})
    bound = binding("b", "users/u", role=own[0].name, resource="tenants/a")
    first = compile_policy(stored.with_binding(bound, now_ns=NOW_NS), lambda: NOW_NS)
    policy = first.policy
    for each in reversed(chain("", MAX_ROLE_LEVELS - 1, root_role)):
        policy = policy.with_role(each)
    policy = policy.with_role(replace(shared, included_roles=(root_role(0),)))

    for since in (first, None):
        table = compile_policy(policy, lambda: NOW_NS, since=since).table
        assert table.check("users/u", "x.read", "tenants/a/x")
        assert table.check("users/u", "y.read", "tenants/a/x")

    own_again = replace(own[0], permissions=("z.read",))
    assert compile_policy(policy.with_role(own_again), lambda: NOW_NS)
    deeper = Role(name="tenants/a/roles/deeper", included_roles=(own[0].name,))
    assert reason_of(lambda: policy.with_role(deeper)) == "ROLE_TOO_DEEP"
