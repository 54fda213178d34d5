"""What tenants own, in the native table."""

import pytest

from blrcs.security.condition_compiler import compile_condition
from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec
from tests.unit.native.access.access_factory import READ, READER

TENANT = "tenants/a"


def table_of(*bindings, roles=(), groups=()):
    return AccessTable([READER, *roles], groups, bindings)


@pytest.mark.parametrize(("home", "allowed"), [("", False), ("tenants/b", False), (TENANT, True)])
def test_what_a_tenant_owns_counts_in_that_tenant_alone(home, allowed):
    """Whoever names it elsewhere, and whoever is put into its groups by an issuer."""
    own = RoleSpec(f"{TENANT}/roles/r", [READ])
    group = GroupSpec(f"{TENANT}/groups/g", ["users/alice"])
    inside = f"{home}/orders" if home else "orders"
    by_role = table_of(BindingSpec("b", own.name, ["users/alice"], home), roles=[own])
    by_group = table_of(BindingSpec("b", "reader", [group.name], home), groups=[group])
    assert by_role.check("users/alice", READ, inside) is allowed
    assert by_group.check("users/alice", READ, inside) is allowed
    assert by_group.check("issuers/i/dora", READ, inside, groups=(group.name,)) is allowed
    assert by_group.holds_anywhere("issuers/i/dora", READ, groups=(group.name,)) is allowed
    explained = by_group.explain("issuers/i/dora", READ, inside, groups=(group.name,))
    assert explained.allowed is allowed


def test_roles_and_groups_reach_over_no_border():
    inner = RoleSpec(f"{TENANT}/roles/r", [READ])
    outer = [RoleSpec(f"{home}roles/all", [], [inner.name]) for home in ("", "tenants/b/")]
    group = GroupSpec(f"{TENANT}/groups/g", ["users/alice"])
    holding = [GroupSpec(f"{home}groups/all", [group.name]) for home in ("", "tenants/b/")]
    for role, holder in zip(outer, holding, strict=True):
        by_role = table_of(
            BindingSpec("b", role.name, ["users/alice"], "tenants/b"), roles=[inner, role]
        )
        by_group = table_of(
            BindingSpec("b", "reader", [holder.name], "tenants/b"), groups=[group, holder]
        )
        for table in (by_role, by_group):
            assert not table.check("users/alice", READ, "tenants/b/orders")


def test_conditions_see_the_groups_of_the_tenant_that_a_resource_lies_in():
    condition = compile_condition(f"'{TENANT}/groups/g' in principal.groups")
    table = table_of(
        BindingSpec("b", "reader", ["users/alice"], condition=condition),
        groups=[GroupSpec(f"{TENANT}/groups/g", ["users/alice"])],
    )
    assert table.check("users/alice", READ, f"{TENANT}/orders")
    assert not table.check("users/alice", READ, "tenants/b/orders")
    assert not table.check("users/alice", READ, "")
