"""A policy compiled from an earlier one, part by part."""

from dataclasses import replace

import pytest

from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.group import Group
from blrcs.domain.role import Role
from blrcs.security.compiled_policy import compile_policy

HISTORY = {"create_time_ns": 1, "update_time_ns": 1}
TENANTS = ("tenants/a", "tenants/b")


def policy():
    made = AccessPolicy().with_role(Role(name="roles/shared", permissions=("o.read",)))
    for home in TENANTS:
        made = made.with_group(Group(name=f"{home}/groups/g", members=("users/u",), **HISTORY))
        binding = Binding(
            name=f"bindings/{home[-1]}",
            role="roles/shared",
            members=(f"{home}/groups/g",),
            resource=home,
            **HISTORY,
        )
        made = made.with_binding(binding, now_ns=1)
    return made


def compiled(policy, since=None):
    return compile_policy(policy, lambda: 1, since=since)


def allowed(found):
    return [found.table.check("users/u", "o.read", home) for home in TENANTS]


def test_only_the_place_that_changes_is_another():
    first = compiled(policy())
    group = replace(policy().groups["tenants/a/groups/g"], members=())
    second = compiled(first.policy.with_group(group), first)
    assert allowed(first) == [True, True]
    assert allowed(second) == [False, True]
    assert {
        place for place in second.places if second.places[place] is not first.places[place]
    } == {"tenants/a"}
    assert second.table.epoch == first.table.epoch + 1


def test_a_role_that_all_have_changes_in_every_tenant():
    first = compiled(policy())
    shared = Role(name="roles/shared", permissions=("o.write",))
    second = compiled(first.policy.with_role(shared), first)
    assert allowed(second) == [False, False]
    assert second.table.check("users/u", "o.write", "tenants/b")


def test_a_binding_that_moves_leaves_the_tenant_where_it_was():
    first = compiled(policy())
    moved = replace(first.policy.bindings["bindings/a"], members=("users/u",), resource="")
    second = compiled(first.policy.with_binding(moved, now_ns=1), first)
    assert second.table.check("users/u", "o.read", "anything")
    gone = compiled(second.policy.without("bindings/a", "", now_ns=1), second)
    assert allowed(gone) == [False, True]
    assert not gone.table.holds_anywhere("users/v", "o.read")


def test_a_tenant_of_which_nothing_is_left_has_no_place():
    first = compiled(policy())
    empty = compiled(AccessPolicy(epoch=9), first)
    assert set(empty.places) == {""}
    assert not empty.table.holds_anywhere("users/u", "o.read")
    assert empty.table.epoch == 9


def test_what_cannot_be_compiled_leaves_the_earlier_as_it_was():
    first = compiled(policy())
    deep = first.policy
    for depth in range(17):
        included = (f"tenants/a/roles/r{depth - 1}",) if depth else ()
        role = Role(name=f"tenants/a/roles/r{depth}", included_roles=included)
        deep = replace(deep, roles={**deep.roles, role.name: role})
    with pytest.raises(FailedPreconditionError) as caught:
        compiled(deep, first)
    assert caught.value.reason == "ACCESS_POLICY_INVALID"
    assert allowed(first) == [True, True]
