"""An explanation names the binding that decides, or what came close."""

import pytest

from blrcs_native.access.explanation import MAX_NEAR_MISSES
from blrcs_native.access.table import BindingSpec
from tests.unit.native.access.access_factory import NOW_NS, READ, chain_of_groups, table_with


def test_an_explanation_names_binding_role_member_groups_and_resource():
    groups = chain_of_groups(2)
    table = table_with(
        BindingSpec("narrow", "reader", ["groups/2"], "orders/1", NOW_NS + 1),
        BindingSpec("public", "reader", ["allUsers"], "orders"),
        groups=groups,
    )
    found = table.explain("users/alice", READ, "orders/1/items")
    assert (found.allowed, found.reason) == (True, "granted")
    assert (found.binding, found.role, found.member) == ("narrow", "reader", "groups/2")
    assert (found.groups, found.resource) == (("groups/1", "groups/2"), "orders/1")
    assert found.expires_at_ns == NOW_NS + 1
    assert table.explain("users/alice", READ, "orders/2").binding == "public"


def test_of_several_own_bindings_the_widest_explains():
    table = table_with(
        BindingSpec("narrow", "reader", ["users/alice"], "orders/1"),
        BindingSpec("wide", "reader", ["users/alice"], "orders"),
    )
    assert table.explain("users/alice", READ, "orders/1").binding == "wide"


@pytest.mark.parametrize(
    ("question", "reason", "near"),
    [
        (("groups/x", READ, "orders"), "invalid_principal", []),
        (("users/alice", "*", "orders"), "invalid_permission", []),
        (("users/alice", READ, "orders//1"), "invalid_resource", []),
        (("users/alice", "orders.burn", "orders"), "in_no_role", []),
        (("users/bob", READ, "orders"), "no_binding", []),
        (("users/alice", READ, "orders"), "expired", ["old", "away"]),
        (("users/alice", READ, "users"), "elsewhere", ["away"]),
        (("users/carol", READ, "orders"), "unknown_role", ["lost"]),
    ],
)
def test_a_denial_says_why_and_what_came_close(question, reason, near):
    table = table_with(
        BindingSpec("away", "reader", ["users/alice"], "elsewhere"),
        BindingSpec("old", "reader", ["users/alice"], "orders", NOW_NS),
        BindingSpec("lost", "deleted", ["users/carol"], "orders"),
    )
    found = table.explain(*question)
    assert (found.allowed, found.reason, found.binding) == (False, reason, None)
    assert [miss.binding for miss in found.near_misses] == near
    assert all(miss.reason in {reason, "elsewhere"} for miss in found.near_misses)


def test_near_misses_are_bounded():
    bindings = [BindingSpec(f"b{n}", "reader", ["users/alice"], f"orders/{n}") for n in range(100)]
    found = table_with(*bindings).explain("users/alice", READ, "users")
    assert len(found.near_misses) == MAX_NEAR_MISSES
