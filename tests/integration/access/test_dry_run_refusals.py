"""A dry run says what the change itself would say."""

import pytest

from blrcs.application.access import share
from blrcs.domain.errors import DomainError
from blrcs.v1 import access_pb2
from blrcs_native.call import Principal

ACME = "tenants/acme"


class Calling:
    """A call of a principal, as far as it is asked who calls."""

    def __init__(self, name):
        self.principal = Principal(name)


async def said(change):
    """How a change or a dry run is refused."""
    with pytest.raises(DomainError) as caught:
        await change
    return type(caught.value), caught.value.reason, caught.value.message, caught.value.metadata


async def dry_run(access, **candidate):
    return await access.service.DryRun(access_pb2.DryRunRequest(**candidate), None)


async def bind_within(access, binding):
    request = access_pb2.CreateBindingRequest(
        parent=ACME, binding_id=binding["name"].split("/")[1], binding=binding
    )
    return await access.service.CreateBinding(request, None)


@pytest.fixture
async def used(access):
    await access.role("reader", "x.read")
    await access.role("outer", included_roles=["roles/reader"])
    await access.group("devs", "users/a")
    await access.group("asked")
    await access.bind("b", "roles/outer", "groups/devs")
    asked = {"expression": "'groups/asked' in principal.groups"}
    await access.bind("c", "roles/viewer", "users/a", condition=asked)
    await access.grant_administrator("users/admin")
    return access


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("roles/reader", "ROLE_IN_USE"),
        ("roles/outer", "ROLE_IN_USE"),
        ("groups/devs", "GROUP_IN_USE"),
        ("groups/asked", "GROUP_IN_USE"),
        ("bindings/administrator", "LAST_ADMINISTRATOR"),
        ("roles/viewer", "ROLE_BUILTIN"),
        ("roles/none", "RESOURCE_NOT_FOUND"),
        ("bindings/none", "RESOURCE_NOT_FOUND"),
    ],
)
async def test_deletions_are_refused_as_they_would_be(used, name, reason):
    tried = await said(dry_run(used, deleted=[name]))
    assert tried[1] == reason
    assert tried == await said(used.delete(name))


async def test_what_is_used_may_go_with_what_uses_it(used):
    outcome = await dry_run(used, deleted=["bindings/b", "roles/outer", "roles/reader"])
    assert outcome == access_pb2.DryRunResponse()


async def test_the_last_administrator_is_not_put_out_by_what_is_put(used):
    binding = {"name": "bindings/administrator", "role": "roles/viewer", "members": ["users/a"]}
    tried = await said(dry_run(used, bindings=[binding]))
    assert tried[1] == "LAST_ADMINISTRATOR"
    assert tried == await said(used.update(binding["name"], "role", role="roles/viewer"))


async def test_roles_are_no_deeper_than_they_may_be(access):
    await access.role("r1")
    for depth in range(2, 9):
        await access.role(f"r{depth}", included_roles=[f"roles/r{depth - 1}"])
    tried = await said(
        dry_run(access, roles=[{"name": "roles/r9", "included_roles": ["roles/r8"]}])
    )
    assert tried[1] == "ROLE_TOO_DEEP"
    assert tried == await said(access.role("r9", included_roles=["roles/r8"]))


async def test_a_tenant_has_its_share_there_too(access, monkeypatch):
    for name in ("MAX_ROLES", "MAX_BINDINGS"):
        monkeypatch.setattr(share, name, 1)
    await access.role("own", parent=ACME)
    binding = {"name": "bindings/n", "role": "roles/viewer", "members": ["users/a"]}
    await bind_within(access, binding | {"resource": ACME})

    tried = await said(dry_run(access, roles=[{"name": f"{ACME}/roles/more"}]))
    assert tried[1] == "TOO_MANY_ROLES"
    assert tried == await said(access.role("more", parent=ACME))
    more = binding | {"name": "bindings/m", "resource": ACME}
    tried = await said(dry_run(access, parent=ACME, bindings=[more]))
    assert tried[1] == "TOO_MANY_BINDINGS"
    assert tried == await said(bind_within(access, more))
    # The root's administrators, who name no parent, have no such bound.
    assert await dry_run(access, bindings=[more]) == access_pb2.DryRunResponse()
    swapped = await dry_run(access, parent=ACME, bindings=[more], deleted=["bindings/n"])
    assert swapped == access_pb2.DryRunResponse()


async def test_what_a_parent_does_not_hold_is_refused(access):
    await access.bind("root", "roles/viewer", "users/a")
    binding = {"name": "bindings/n", "role": "roles/viewer", "members": ["users/a"]}
    tried = await said(dry_run(access, parent=ACME, bindings=[binding]))
    assert tried == await said(bind_within(access, binding))
    tried = await said(dry_run(access, parent=ACME, deleted=["bindings/root"]))
    assert tried[1] == "RESOURCE_NOT_FOUND"


async def test_an_etag_is_held_against_what_is_stored(access):
    await access.role("reader", "x.read")
    stale = {"name": "roles/reader", "etag": "0-0"}
    assert (await said(dry_run(access, roles=[stale])))[1] == "ETAG_MISMATCH"
    new = {"name": "roles/other", "etag": "0-0"}
    assert await dry_run(access, roles=[new]) == access_pb2.DryRunResponse()


async def test_what_is_said_twice_is_no_candidate(access):
    twice = [{"name": "groups/g"}, {"name": "groups/g", "members": ["users/a"]}]
    assert (await said(dry_run(access, groups=twice)))[1] == "FIELD_INVALID"


async def test_whether_the_caller_could_make_the_change_is_told(access):
    await access.role("giver", "blrcs.bindings.*")
    await access.bind("g", "roles/giver", "users/giver")
    request = access_pb2.DryRunRequest(
        bindings=[{"name": "bindings/n", "role": "roles/viewer", "members": ["users/a"]}]
    )
    told = await access.service.DryRun(request, Calling("users/giver"))
    create = access_pb2.CreateBindingRequest(binding_id="n", binding=request.bindings[0])
    refusal = await said(access.service.CreateBinding(create, Calling("users/giver")))
    assert (refusal[1], told.exceeded) == ("RIGHTS_EXCEEDED", refusal[2])
    request.bindings[0].role = "roles/giver"
    assert not (await access.service.DryRun(request, Calling("users/giver"))).exceeded
