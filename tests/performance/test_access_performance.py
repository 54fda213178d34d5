"""The access check among 10,000 bindings and 100 roles, under pytest-benchmark."""

import pytest

from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec

PERMISSION = "orders.read"


@pytest.fixture(scope="module")
def table() -> AccessTable:
    roles = [RoleSpec(f"role{n}", (f"service{n}.*",)) for n in range(99)]
    roles.append(RoleSpec("reader", ("orders.*",)))
    bindings = [
        BindingSpec(f"b{n}", f"role{n % 99}", (f"users/u{n % 2_500}",), f"tenants/t{n}")
        for n in range(9_998)
    ]
    bindings.append(BindingSpec("own", "reader", ("users/u7",), "tenants/acme"))
    bindings.append(BindingSpec("group", "reader", ("groups/outer",), "tenants/group"))
    groups = [
        GroupSpec("groups/outer", ("groups/inner",)),
        GroupSpec("groups/inner", ("users/u8",)),
    ]
    return AccessTable(roles, groups, bindings)


@pytest.mark.parametrize(
    ("principal", "resource", "allowed"),
    [
        ("users/u7", "tenants/acme/orders/7", True),
        ("users/u8", "tenants/group/orders/7", True),
        ("users/u9", "tenants/acme/orders/7", False),
    ],
    ids=["granted", "granted to a group", "denied"],
)
def test_check(benchmark, table, principal, resource, allowed):
    assert benchmark(table.check, principal, PERMISSION, resource) is allowed


def test_holds_anywhere(benchmark, table):
    assert benchmark(table.holds_anywhere, "users/u7", PERMISSION) is True
