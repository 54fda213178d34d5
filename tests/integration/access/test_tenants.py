"""Roles and groups that tenants own, over a real database."""

from types import SimpleNamespace

import pytest

from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from blrcs.v1 import access_pb2
from tests.integration.access.access import AccessServer

READ = "orders.read"
ACME, OTHER = "tenants/acme", "tenants/other"
ROLE, GROUP = f"{ACME}/roles/reader", f"{ACME}/groups/devs"


@pytest.fixture
async def owned(access):
    """A tenant's role, bound to its group, in which there is Alice over another group."""
    await access.role("reader", READ, parent=ACME)
    await access.group("inner", "users/alice", parent=ACME)
    await access.group("devs", f"{ACME}/groups/inner", parent=ACME)
    await access.bind("b", ROLE, GROUP, resource=f"{ACME}/orders")
    return access


async def listed(access, home):
    roles = await access.service.ListRoles(access_pb2.ListRolesRequest(parent=home), None)
    groups = await access.service.ListGroups(access_pb2.ListGroupsRequest(parent=home), None)
    return {each.name for each in (*roles.roles, *groups.groups) if "/" in each.name}


async def test_what_a_tenant_owns_survives_a_restart(store, clock):
    async with AccessServer.open(store, clock) as access:
        made = [await access.role("x", READ, parent=home) for home in ("", ACME, OTHER)]
        made += [await access.group("x", "users/a", parent=home) for home in ("", ACME, OTHER)]
        assert [each.name for each in made] == [
            *("roles/x", f"{ACME}/roles/x", f"{OTHER}/roles/x"),
            *("groups/x", f"{ACME}/groups/x", f"{OTHER}/groups/x"),
        ]
    async with AccessServer.open(store, clock) as access:
        service = access.service
        for each in made:
            if isinstance(each, access_pb2.Role):
                got = await service.GetRole(access_pb2.GetRoleRequest(name=each.name), None)
            else:
                got = await service.GetGroup(access_pb2.GetGroupRequest(name=each.name), None)
            assert got == each
        assert await listed(access, ACME) == {f"{ACME}/roles/x", f"{ACME}/groups/x"}
        assert not {each for each in await listed(access, "") if each.startswith("tenants/")}
        with pytest.raises(AlreadyExistsError):
            await access.role("x", parent=ACME)
        for each in (f"{ACME}/roles/x", f"{ACME}/groups/x"):
            await access.delete(each)
        assert await listed(access, ACME) == set()
        assert await listed(access, OTHER) == {f"{OTHER}/roles/x", f"{OTHER}/groups/x"}


async def test_it_grants_within_the_tenant_alone_and_changes_at_once(owned):
    assert await owned.allowed("users/alice", READ, f"{ACME}/orders/7")
    for resource in ("", ACME, f"{ACME}/other", f"{OTHER}/orders", "tenants/acme2/orders"):
        assert not await owned.allowed("users/alice", READ, resource)
    await owned.update(f"{ACME}/groups/inner", "members", members=["users/bob"])
    assert not await owned.allowed("users/alice", READ, f"{ACME}/orders")
    assert await owned.allowed("users/bob", READ, f"{ACME}/orders")
    await owned.update(ROLE, "permissions", permissions=["orders.write"])
    assert not await owned.allowed("users/bob", READ, f"{ACME}/orders")


async def test_a_denial_of_a_tenants_role_counts_before_all_that_grants(owned):
    await owned.bind("wide", "roles/administrator", "users/alice")
    assert await owned.allowed("users/alice", READ, f"{ACME}/orders/7")
    await owned.bind("denied", ROLE, GROUP, resource=f"{ACME}/orders/7", effect=2)
    assert not await owned.allowed("users/alice", READ, f"{ACME}/orders/7")
    assert await owned.allowed("users/alice", READ, f"{ACME}/orders/8")


async def test_a_name_of_another_tenant_is_as_unknown_as_any(owned):
    epoch = owned.epoch
    for change in (
        owned.bind("c", ROLE, "users/a", resource=OTHER),
        owned.bind("c", ROLE, "users/a"),
        owned.bind("c", "roles/viewer", GROUP, resource=OTHER),
        owned.role("c", parent=OTHER, included_roles=[ROLE]),
        owned.role("c", included_roles=[ROLE]),
        owned.group("c", GROUP, parent=OTHER),
        owned.group("c", GROUP),
        owned.update("bindings/b", "resource", resource=OTHER),
        owned.update("bindings/b", "resource", resource=""),
    ):
        with pytest.raises(NotFoundError):
            await change
    for name in (ROLE, GROUP):
        with pytest.raises(FailedPreconditionError, match="is used by"):
            await owned.delete(name)
    assert owned.epoch == epoch


async def test_explanations_and_lists_of_holders_name_what_tenants_own(owned):
    request = access_pb2.ExplainRequest(
        principal="users/alice", permission=READ, resource=f"{ACME}/orders/7"
    )
    (grant,) = (await owned.service.Explain(request, None)).grants
    assert (grant.role, grant.member, grant.applies) == (ROLE, GROUP, True)
    who = access_pb2.WhoCanRequest(permission=READ, resource=f"{ACME}/orders/7")
    (holder,) = (await owned.service.WhoCan(who, None)).holders
    assert (holder.principal, holder.grants[0].member) == ("users/alice", GROUP)
    held = access_pb2.ListPermissionsRequest(principal="users/alice", resource=f"{ACME}/orders")
    assert list((await owned.service.ListPermissions(held, None)).permissions) == [READ]


async def test_a_dry_run_keeps_to_the_borders_too(owned):
    changed = access_pb2.DryRunRequest(
        roles=[{"name": ROLE, "permissions": ["x"]}],
        groups=[{"name": GROUP, "members": ["users/carol"]}],
        deleted=[f"{ACME}/groups/inner"],
    )
    assert await owned.service.DryRun(changed, None) == access_pb2.DryRunResponse()
    assert await owned.allowed("users/alice", READ, f"{ACME}/orders")
    binding = {"name": "bindings/c", "role": ROLE, "members": ["users/a"], "resource": OTHER}
    for refused in (
        access_pb2.DryRunRequest(bindings=[binding]),
        access_pb2.DryRunRequest(roles=[{"name": "roles/c", "included_roles": [ROLE]}]),
        access_pb2.DryRunRequest(groups=[{"name": "groups/c", "members": [GROUP]}]),
        access_pb2.DryRunRequest(groups=[{"name": GROUP, "members": ["groups/everywhere"]}]),
    ):
        with pytest.raises(NotFoundError):
            await owned.service.DryRun(refused, None)


async def test_groups_of_an_issuer_can_be_a_tenants(owned):
    table = owned.current.table
    caller = ("issuers/theirs/subjects/dora", READ, f"{ACME}/orders/7")
    assert table.check(*caller, groups=(f"{ACME}/groups/inner",))
    assert not table.check(*caller, groups=(f"{OTHER}/groups/inner",))
    assert not table.check(*caller)
    for impostor in (GROUP, f"{ACME}/groups/inner"):
        assert not table.check(impostor, READ, f"{ACME}/orders/7")


async def test_who_can_tells_a_tenants_reader_nothing_of_bindings_above(owned):
    await owned.role("tells", "blrcs.access.whoCan", parent=ACME)
    await owned.bind("tells", f"{ACME}/roles/tells", "users/alice", resource=ACME)
    await owned.role("secret", READ)
    await owned.group("secret", "users/carol")
    await owned.group("barred", "users/eve")
    await owned.bind("secret", "roles/secret", "groups/secret", "allAuthenticated")
    await owned.bind("barred", "roles/secret", "groups/barred", effect=2)
    at_night = {"effect": 2, "condition": {"expression": "now.getHours() < 6"}}
    await owned.bind("night", "roles/secret", "users/frank", **at_night)
    await owned.bind("own_night", ROLE, "users/gina", resource=ACME, **at_night)
    await owned.bind("root", "roles/administrator", "users/root")

    async def told(who):
        request = access_pb2.WhoCanRequest(permission=READ, resource=f"{ACME}/orders")
        principal = SimpleNamespace(name=who, groups=(), scope=None)
        return await owned.service.WhoCan(request, SimpleNamespace(principal=principal))

    full, partial = await told("users/root"), await told("users/alice")
    names = [each.principal for each in full.holders]
    assert [each.principal for each in partial.holders] == [
        name for name in names if name != "users/frank"
    ]
    assert {"users/frank", "users/gina", "users/alice", "users/carol", "allAuthenticated"} <= set(
        names
    )
    for name in ("bindings/secret", "roles/secret", "groups/secret", "users/eve", "users/frank"):
        assert name in str(full)
        assert name not in str(partial)
    assert "bindings/b" in str(partial)
