"""AccessService over a real database."""

import asyncio

import pytest

from blrcs.domain.errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from blrcs.domain.service_account import ServiceAccount
from blrcs.v1 import access_pb2
from tests.integration.access.access import AccessServer
from tests.unit.application.identity_fakes import NOW_NS, make_user

S = 1_000_000_000
READ = "orders.read"


async def reason_of(change):
    with pytest.raises(FailedPreconditionError) as caught:
        await change
    return caught.value.reason


async def everything(access):
    """All that is stored, as messages."""
    service = access.service
    roles = await service.ListRoles(access_pb2.ListRolesRequest(), None)
    groups = await service.ListGroups(access_pb2.ListGroupsRequest(), None)
    bindings = await service.ListBindings(access_pb2.ListBindingsRequest(), None)
    return roles, groups, bindings


async def test_what_was_written_is_read_back_and_survives_a_restart(store, clock):
    async with AccessServer.open(store, clock) as access:
        role = await access.role("reader", READ, "x.*", display_name="Reader \U0001f600")
        clock.advance(1)
        outer = await access.role("outer", included_roles=["roles/reader", "roles/viewer"])
        group = await access.group("devs", "users/alice", display_name="Devs")
        binding = await access.bind(
            "b", outer.name, group.name, resource="orders/7", expire_time={"seconds": 9_000_000_000}
        )
        service = access.service
        assert await service.GetRole(access_pb2.GetRoleRequest(name=role.name), None) == role
        assert await service.GetGroup(access_pb2.GetGroupRequest(name=group.name), None) == group
        found = await service.GetBinding(access_pb2.GetBindingRequest(name=binding.name), None)
        assert found == binding
        before, epoch = await everything(access), access.epoch

    async with AccessServer.open(store, clock) as access:
        assert await everything(access) == before
        assert access.epoch == epoch == 4
        assert await access.allowed("users/alice", READ, "orders/7/items/1")
        assert not await access.allowed("users/alice", READ, "orders/70")
        assert not await access.allowed("users/bob", READ, "orders/7")


async def test_an_epoch_goes_on_where_it_was_after_a_restart(store, clock):
    for expected in (1, 2, 3):
        async with AccessServer.open(store, clock) as access:
            await access.role(f"r{expected}")
            assert access.epoch == expected


async def test_a_change_is_in_force_when_it_returns(access):
    await access.role("reader")
    await access.bind("b", "roles/reader", "users/alice")
    assert not await access.allowed("users/alice", READ)

    await access.update("roles/reader", "permissions", permissions=[READ])
    assert access.current.table.check("users/alice", READ, "")
    await access.update("bindings/b", "members", members=["users/bob"])
    assert not await access.allowed("users/alice", READ)
    assert await access.allowed("users/bob", READ)
    await access.delete("bindings/b")
    assert not await access.allowed("users/bob", READ)
    assert access.epoch == 5


async def test_what_is_refused_leaves_no_trace(access):
    await access.role("a", READ)
    await access.bind("b", "roles/a", "users/u")
    before, epoch = await everything(access), access.epoch

    assert await reason_of(access.update("roles/a", included_roles=["roles/a"])) == "ROLE_CYCLE"
    assert await reason_of(access.delete("roles/a")) == "ROLE_IN_USE"
    assert await reason_of(access.role("viewer")) == "ROLE_BUILTIN"
    assert await reason_of(access.update("roles/viewer")) == "ROLE_BUILTIN"
    assert await reason_of(access.delete("roles/viewer")) == "ROLE_BUILTIN"
    with pytest.raises(NotFoundError):
        await access.bind("c", "roles/none", "users/u")
    with pytest.raises(AlreadyExistsError):
        await access.bind("b", "roles/a", "users/u")
    for fields in ({"resource": "a//b"}, {"role": ""}, {"members": []}):
        with pytest.raises(InvalidArgumentError):
            await access.update("bindings/b", *fields, **fields)
    with pytest.raises(InvalidArgumentError, match="update_mask"):
        await access.update("bindings/b", "create_time")

    assert await everything(access) == before
    assert access.epoch == epoch


async def test_roles_nest_to_a_bound(access):
    await access.role("r1")
    for depth in range(2, 9):
        await access.role(f"r{depth}", included_roles=[f"roles/r{depth - 1}"])
    epoch = access.epoch

    too_deep = access.role("r9", included_roles=["roles/r8"])

    assert await reason_of(too_deep) == "ROLE_TOO_DEEP"
    assert access.epoch == epoch


@pytest.mark.parametrize("kind", ["role", "group", "binding"])
async def test_an_update_changes_what_the_mask_names_and_the_etag(access, clock, kind):
    made = {
        "role": await access.role("x", READ, display_name="old"),
        "group": await access.group("x", "users/a", display_name="old"),
        "binding": await access.bind("x", "roles/x", "users/a", resource="orders"),
    }[kind]
    path, value = ("resource", "tenants/1") if kind == "binding" else ("display_name", "new")
    clock.advance(5)

    changed = await access.update(made.name, path, etag=made.etag, **{path: value})

    assert getattr(changed, path) == value
    assert changed.etag != made.etag
    assert changed.create_time == made.create_time
    assert changed.update_time.ToNanoseconds() == NOW_NS + 5
    kept = "permissions" if kind == "role" else "members"
    assert getattr(changed, kept) == getattr(made, kept)
    with pytest.raises(AbortedError):
        await access.update(made.name, path, etag=made.etag, **{path: value})
    with pytest.raises(AbortedError):
        await access.delete(made.name, etag=made.etag)


async def test_of_updates_at_once_with_one_etag_one_wins(access):
    made = await access.role("r")

    results = await asyncio.gather(
        *(
            access.update("roles/r", "permissions", etag=made.etag, permissions=[f"p{n}"])
            for n in range(8)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(each, AbortedError) for each in results) == 7
    assert access.epoch == 2


async def test_changes_at_once_are_all_in_force_under_epochs_of_their_own(access):
    await access.role("reader", READ)

    await asyncio.gather(*(access.bind(f"b{n}", "roles/reader", f"users/u{n}") for n in range(20)))

    assert access.epoch == 21
    assert all([await access.allowed(f"users/u{n}", READ) for n in range(20)])


async def test_a_change_whose_caller_went_away_is_in_force_all_the_same(access):
    await access.role("reader", READ)
    task = asyncio.create_task(access.bind("b", "roles/reader", "users/alice"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await access.role("later")  # the one writer has come to it after the binding

    assert await access.allowed("users/alice", READ)
    assert "bindings/b" in access.store.policy.bindings


async def test_a_binding_counts_until_it_expires(access, clock):
    await access.role("reader", READ)
    at_s = NOW_NS // S + 60
    await access.bind("b", "roles/reader", "users/alice", expire_time={"seconds": at_s})

    clock.now_ns = at_s * S - 1
    assert await access.allowed("users/alice", READ)
    clock.now_ns = at_s * S
    assert not await access.allowed("users/alice", READ)

    await access.update("bindings/b", "expire_time")
    assert await access.allowed("users/alice", READ)


async def test_a_deleted_principal_leaves_nothing_to_its_namesake(access):
    await access.role("reader", READ)
    await access.group("devs", "users/alice", "serviceAccounts/robot")
    await access.bind("direct", "roles/reader", "users/alice")
    await access.bind("shared", "roles/reader", "serviceAccounts/robot", "users/bob")
    await access.bind("grouped", "roles/reader", "groups/devs")
    await access.users.add(make_user("alice"))
    await access.accounts.add(ServiceAccount(id="robot", create_time_ns=1, update_time_ns=1))

    await access.users.delete("alice", etag="")
    assert not await access.allowed("users/alice", READ)
    await access.accounts.delete("robot", etag="")
    assert not await access.allowed("serviceAccounts/robot", READ)

    await access.users.add(make_user("alice"))
    assert not await access.allowed("users/alice", READ)
    assert await access.allowed("users/bob", READ)
    _, groups, bindings = await everything(access)
    assert list(groups.groups[0].members) == []
    assert [each.name for each in bindings.bindings] == ["bindings/grouped", "bindings/shared"]
    assert access.epoch == 7


async def test_a_refused_deletion_takes_nothing_from_the_principal(access):
    await access.role("reader", READ)
    await access.bind("b", "roles/reader", "users/alice")
    await access.users.add(make_user("alice"))
    epoch = access.epoch

    with pytest.raises(AbortedError):
        await access.users.delete("alice", etag="another")

    assert await access.allowed("users/alice", READ)
    assert access.epoch == epoch


async def test_the_first_administrator_is_granted_once(access):
    for _ in range(2):
        await access.grant_administrator("users/admin")

    assert access.epoch == 1
    assert await access.allowed("users/admin", "whatever.it.is", "any/where")
    assert await reason_of(access.delete("bindings/administrator")) == "LAST_ADMINISTRATOR"
    await access.grant_administrator("users/other")
    await access.update("bindings/administrator", "members", members=["users/other"])
    assert not await access.allowed("users/admin", "whatever.it.is")


async def test_lists_are_ordered_whole_and_bound_to_their_tokens(access):
    for number in (3, 0, 4, 1, 2):
        await access.role(f"u{number}")
        await access.group(f"g{number}")
        await access.bind(f"b{number}", "roles/viewer", "users/u")

    async def names(method, request, field):
        seen, token = [], ""
        while True:
            request.page_size, request.page_token = 2, token
            page = await method(request, None)
            assert len(getattr(page, field)) <= 2
            seen += [each.name.rpartition("/")[2] for each in getattr(page, field)]
            token = page.next_page_token
            if not token:
                return seen

    service = access.service
    roles = await names(service.ListRoles, access_pb2.ListRolesRequest(), "roles")
    groups = await names(service.ListGroups, access_pb2.ListGroupsRequest(), "groups")
    bindings = await names(service.ListBindings, access_pb2.ListBindingsRequest(), "bindings")

    builtin = ["administrator", "auditor", "records.editor", "records.viewer", "service"]
    assert roles == [*builtin, "u0", "u1", "u2", "u3", "u4", "viewer"]
    assert groups == ["g0", "g1", "g2", "g3", "g4"]
    assert bindings == ["b0", "b1", "b2", "b3", "b4"]
    token = (
        await service.ListRoles(access_pb2.ListRolesRequest(page_size=1), None)
    ).next_page_token
    with pytest.raises(InvalidArgumentError):
        await service.ListGroups(access_pb2.ListGroupsRequest(page_token=token), None)


async def test_a_batch_is_answered_in_order_and_names_its_epoch(access):
    await access.role("reader", READ)
    await access.bind("b", "roles/reader", "users/alice", resource="orders")
    queries = [(READ, "orders/1"), (READ, ""), ("orders.write", "orders"), (READ, "orders")]

    answer = await access.service.BatchCheck(
        access_pb2.BatchCheckRequest(
            principal="users/alice",
            queries=[{"permission": name, "resource": where} for name, where in queries],
        ),
        None,
    )

    assert list(answer.allowed) == [True, False, False, True]
    assert answer.epoch == access.epoch == 2


async def test_an_explanation_names_what_grants_and_what_nearly_does(access):
    await access.role("reader", READ)
    await access.group("devs", "users/alice")
    await access.bind("near", "roles/reader", "users/bob", resource="orders/1")
    await access.bind("b", "roles/reader", "groups/devs", resource="orders")

    async def explain(principal, resource):
        request = access_pb2.ExplainRequest(principal=principal, permission=READ, resource=resource)
        return await access.service.Explain(request, None)

    granted = await explain("users/alice", "orders/7")
    assert (granted.allowed, granted.epoch) == (True, 4)
    assert granted.grants == [
        access_pb2.Grant(
            binding="bindings/b",
            role="roles/reader",
            member="groups/devs",
            resource="orders",
            applies=True,
            effect=access_pb2.BINDING_EFFECT_GRANT,
        )
    ]
    denied = await explain("users/bob", "orders/7")
    (near,) = denied.grants
    assert not denied.allowed
    assert denied.reason == near.reason == "it is granted on other resources only"
    assert (near.binding, near.resource, near.applies) == ("bindings/near", "orders/1", False)
    nobody = await explain("users/nobody", "orders/7")
    assert (nobody.allowed, nobody.reason, len(nobody.grants)) == (False, "no binding grants it", 0)


async def test_permissions_are_those_that_a_method_or_a_role_names(access):
    await access.role("mixed", "orders.*", "zeta.run", "alpha")
    await access.role("unbound", "orders.archive", "other.thing")
    await access.bind("b", "roles/mixed", "users/alice", resource="orders")

    async def listed(resource):
        request = access_pb2.ListPermissionsRequest(principal="users/alice", resource=resource)
        return await access.service.ListPermissions(request, None)

    held = await listed("orders/1")
    assert list(held.permissions) == ["alpha", "orders.archive", "orders.read", "zeta.run"]
    assert held.epoch == access.epoch
    assert list((await listed("")).permissions) == []


async def test_who_can_is_told_page_by_page(access):
    await access.role("reader", READ)
    await access.group("devs", "users/carol", "users/bob")
    await access.bind("a", "roles/reader", "users/alice", "groups/devs", resource="orders")
    await access.bind("b", "roles/reader", "allAuthenticated", resource="orders/7")
    await access.bind("c", "roles/reader", "users/carol", resource="orders/7", effect=2)

    async def page(resource, token=""):
        request = access_pb2.WhoCanRequest(
            permission=READ, resource=resource, page_size=2, page_token=token
        )
        return await access.service.WhoCan(request, None)

    first = await page("orders/7/items")
    second = await page("orders/7/items", first.next_page_token)
    holders = [*first.holders, *second.holders]
    assert [each.principal for each in holders] == ["allAuthenticated", "users/alice", "users/bob"]
    assert list(holders[0].excepted) == ["users/carol"]
    assert holders[2].grants == [
        access_pb2.Grant(
            binding="bindings/a",
            role="roles/reader",
            member="groups/devs",
            resource="orders",
            applies=True,
            effect=access_pb2.BINDING_EFFECT_GRANT,
        )
    ]
    assert (second.next_page_token, second.epoch) == ("", access.epoch)
    elsewhere = await page("orders")
    assert [each.principal for each in elsewhere.holders] == ["users/alice", "users/bob"]
    with pytest.raises(InvalidArgumentError):
        await page("orders", first.next_page_token)
    with pytest.raises(InvalidArgumentError):
        await page("orders//7")


async def test_who_can_is_told_of_each_grant_whether_it_depends_on_the_call(access):
    await access.role("reader", READ)
    await access.bind("a", "roles/reader", "users/alice", condition={"expression": "false"})
    await access.bind("b", "roles/reader", "users/alice")
    found = await access.service.WhoCan(
        access_pb2.WhoCanRequest(permission=READ, resource="orders"), None
    )
    (holder,) = found.holders
    assert [(each.binding, each.conditional) for each in holder.grants] == [
        ("bindings/a", True),
        ("bindings/b", False),
    ]
    assert not holder.conditional
