"""What a table is made from: names are judged, roles and groups nest within bounds."""

import pytest

from blrcs_native.access.spec import validate_member, validate_pattern, validate_permission
from blrcs_native.access.table import (
    MAX_GROUP_DEPTH,
    MAX_ROLE_DEPTH,
    AccessSpecError,
    AccessTable,
    BindingSpec,
    GroupSpec,
    RoleSpec,
)
from tests.unit.native.access.access_factory import READ, READER, chain_of_groups, table_with


def test_names_are_judged_alone_as_in_a_table():
    for judge, name in [
        (validate_permission, "orders.read"),
        (validate_pattern, "orders.*"),
        (validate_pattern, "*"),
        (validate_member, "groups/devs"),
        (validate_member, "allUsers"),
    ]:
        judge(name)
    for judge, name in [
        (validate_permission, "orders.*"),
        (validate_pattern, "*.read"),
        (validate_member, "everyone"),
        (validate_member, "users/a/.."),
    ]:
        with pytest.raises(ValueError, match="is not a"):
            judge(name)


@pytest.mark.parametrize(
    ("roles", "groups", "bindings", "message"),
    [
        ([RoleSpec("r", ["orders.*.read"])], [], [], "role 'r': 'orders..\\.read'"),
        ([RoleSpec("r", ["orders*"])], [], [], "'orders\\*' is not a permission pattern"),
        ([RoleSpec("r", [""])], [], [], "'' is not a permission pattern"),
        ([RoleSpec("r", "orders.read")], [], [], "collection"),
        ([RoleSpec("r", [], "abc")], [], [], "collection"),
        ([RoleSpec("r", [7])], [], [], "7 is no text"),
        ([RoleSpec("", [])], [], [], "name is empty"),
        ([READER, READER], [], [], "'reader' is given twice"),
        ([], [GroupSpec("devs")], [], "'devs' is not a member"),
        ([], [GroupSpec("teams/devs")], [], "does not begin"),
        ([], [GroupSpec("groups/a", ["allUsers"])], [], "belongs into bindings only"),
        ([], [GroupSpec("groups/a", ["alice"])], [], "'alice' is not a member"),
        ([], [GroupSpec("groups/a"), GroupSpec("groups/a")], [], "twice"),
        ([], [], [BindingSpec("b", "r", ["alice"])], "binding 'b': 'alice' is not a member"),
        ([], [], [BindingSpec("b", "r", ["users/"])], "'users/' is not a member"),
        ([], [], [BindingSpec("b", "r", [], "a//b")], "empty segment"),
        ([], [], [BindingSpec("b", "r", [], None)], "no text"),
        ([], [], [BindingSpec("b", "r", [], "", 2**63)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [], "", True)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [], "", 1.5)], "64-bit"),
        ([], [], [BindingSpec("b", "r", [])] * 2, "twice"),
    ],
)
def test_a_malformed_spec_is_refused_and_named(roles, groups, bindings, message):
    with pytest.raises(AccessSpecError, match=message):
        AccessTable(roles, groups, bindings)


def test_roles_that_include_each_other_are_refused_by_name():
    roles = [RoleSpec("a", [], ["b"]), RoleSpec("b", [], ["c"]), RoleSpec("c", [], ["b"])]
    with pytest.raises(AccessSpecError, match="b -> c -> b"):
        AccessTable(roles, [], [])
    with pytest.raises(AccessSpecError, match="a -> a"):
        AccessTable([RoleSpec("a", [], ["a"])], [], [])


@pytest.mark.parametrize("forwards", [True, False])
def test_roles_include_down_to_the_bound_and_no_deeper(forwards):
    def chain(count):
        roles = [RoleSpec(f"r{n}", (), [f"r{n + 1}"]) for n in range(count - 1)]
        roles.append(RoleSpec(f"r{count - 1}", [READ]))
        return roles if forwards else roles[::-1]

    binding = BindingSpec("b", "r0", ["users/alice"])
    assert table_with(binding, roles=chain(MAX_ROLE_DEPTH)).check("users/alice", READ, "x")
    with pytest.raises(AccessSpecError, match="deep"):
        table_with(binding, roles=chain(MAX_ROLE_DEPTH + 1))
    with pytest.raises(AccessSpecError, match="deep"):
        table_with(binding, roles=chain(5_000))


def test_roles_included_over_two_ways_are_no_cycle():
    layers = [RoleSpec("l0a", [READ]), RoleSpec("l0b", [READ])]
    for depth in range(1, MAX_ROLE_DEPTH):
        below = [f"l{depth - 1}a", f"l{depth - 1}b"]
        layers += [RoleSpec(f"l{depth}a", (), below), RoleSpec(f"l{depth}b", (), below)]
    binding = BindingSpec("b", f"l{MAX_ROLE_DEPTH - 1}a", ["users/alice"])
    assert table_with(binding, roles=layers[::-1]).check("users/alice", READ, "x")


def test_groups_nest_down_to_the_bound_and_no_deeper():
    groups = chain_of_groups(MAX_GROUP_DEPTH + 1)
    bindings = [BindingSpec(f"on {g.name}", "reader", [g.name], g.name) for g in groups]
    table = table_with(*bindings, groups=groups)
    reached = [group.name for group in groups if table.check("users/alice", READ, group.name)]
    assert reached == [group.name for group in groups[:MAX_GROUP_DEPTH]]


def test_groups_in_a_cycle_share_their_members():
    groups = [
        GroupSpec("groups/a", ["users/alice", "groups/b"]),
        GroupSpec("groups/b", ["groups/c", "groups/b"]),
        GroupSpec("groups/c", ["groups/a"]),
    ]
    for group in groups:
        table = table_with(BindingSpec("b", "reader", [group.name], "orders"), groups=groups)
        assert table.check("users/alice", READ, "orders")
        assert not table.check("users/bob", READ, "orders")


def test_specs_are_copied_and_the_table_cannot_be_filled_anew():
    members = ["users/alice"]
    binding = BindingSpec("b", "reader", members, "orders")
    table = table_with(binding, epoch=7)
    members.append("users/bob")
    assert not table.check("users/bob", READ, "orders")
    table.__init__([], [], [])
    assert table.check("users/alice", READ, "orders")
    assert table.epoch == 7
    with pytest.raises(AttributeError):
        table.epoch = 8
