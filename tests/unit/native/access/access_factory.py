"""Tables and groups that the tests of access begin with."""

from blrcs_native.access.table import AccessTable, BindingSpec, GroupSpec, RoleSpec

NOW_NS = 1_000
READ = "orders.read"
READER = RoleSpec("reader", (READ,))


def table_with(*bindings: BindingSpec, **options: object) -> AccessTable:
    groups = options.pop("groups", ())
    roles = options.pop("roles", [READER])
    return AccessTable(roles, groups, bindings, clock=lambda: NOW_NS, **options)


def chain_of_groups(count: int) -> list[GroupSpec]:
    """groups/1 holds the user, and each group the one before it."""
    members = ["users/alice", *(f"groups/{number}" for number in range(1, count))]
    return [GroupSpec(f"groups/{n}", [member]) for n, member in enumerate(members, start=1)]
