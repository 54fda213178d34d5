"""AccessService behind the real pipeline: what its policies and constraints refuse."""

import pytest

from blrcs.testing import Host
from blrcs.v1 import access_pb2, access_pb2_grpc
from tests.unit.api.refusals import refusal

CHECK = {"principal": "users/alice", "permission": "orders.read"}


@pytest.fixture
def host(access):
    return Host(
        lambda server: access_pb2_grpc.add_AccessServiceServicer_to_server(access.service, server)
    )


def stub_of(host, *caller):
    return access_pb2_grpc.AccessServiceStub(host.channel(*caller))


@pytest.fixture
async def administrator(access, host):
    """To the guards, and to the policy that is served, which says what one may give."""
    await access.grant_administrator("users/admin")
    return stub_of(host, "users/admin", {"*": ""})


async def test_principals_may_check_themselves_and_nobody_else(host):
    alice = stub_of(host, "users/alice")

    answer = await alice.Check(access_pb2.CheckRequest(**CHECK))
    assert not answer.allowed
    other = access_pb2.CheckRequest(**CHECK | {"principal": "users/bob"})
    assert (await refusal(alice.Check(other)))[0] == "PERMISSION_DENIED"
    explain = access_pb2.ExplainRequest(**CHECK)
    assert (await refusal(alice.Explain(explain)))[0] == "PERMISSION_DENIED"
    anonymous = stub_of(host)
    check = access_pb2.CheckRequest(**CHECK)
    assert (await refusal(anonymous.Check(check)))[0] == "UNAUTHENTICATED"


async def test_changing_access_needs_a_permission(host):
    reader = stub_of(host, "users/reader", {"blrcs.roles.get": "", "blrcs.roles.list": ""})

    assert (await reader.GetRole(access_pb2.GetRoleRequest(name="roles/viewer"))).builtin
    for call in (
        reader.CreateRole(access_pb2.CreateRoleRequest(role={})),
        reader.UpdateRole(access_pb2.UpdateRoleRequest(role={"name": "roles/r"})),
        reader.DeleteRole(access_pb2.DeleteRoleRequest(name="roles/r")),
        reader.CreateBinding(access_pb2.CreateBindingRequest(binding={})),
        reader.CreateGroup(access_pb2.CreateGroupRequest(group={})),
    ):
        assert (await refusal(call))[0] == "PERMISSION_DENIED"


async def test_refusals_reach_the_caller_with_their_reasons(administrator):
    async def create(**fields):
        request = access_pb2.CreateBindingRequest(binding=fields)
        return await refusal(administrator.CreateBinding(request))

    builtin = access_pb2.DeleteRoleRequest(name="roles/viewer")
    refused = await refusal(administrator.DeleteRole(builtin))
    assert refused == ("FAILED_PRECONDITION", "ROLE_BUILTIN")
    missing = access_pb2.GetGroupRequest(name="groups/none")
    refused = await refusal(administrator.GetGroup(missing))
    assert refused == ("NOT_FOUND", "RESOURCE_NOT_FOUND")
    members = ["users/alice"]
    assert (await create(members=members))[0] == "INVALID_ARGUMENT"
    assert (await create(role="roles/viewer"))[0] == "INVALID_ARGUMENT"
    assert (await create(role="viewer", members=members))[0] == "INVALID_ARGUMENT"
    elsewhere = await create(role="roles/viewer", members=members, resource="a/../b")
    assert elsewhere[0] == "INVALID_ARGUMENT"


async def test_an_update_of_one_field_needs_no_other(administrator):
    made = await administrator.CreateBinding(
        access_pb2.CreateBindingRequest(
            binding={"role": "roles/viewer", "members": ["users/alice"], "resource": "orders"}
        )
    )

    changed = await administrator.UpdateBinding(
        access_pb2.UpdateBindingRequest(
            binding={"name": made.name, "resource": "tenants/1"},
            update_mask={"paths": ["resource"]},
        )
    )

    assert (changed.role, list(changed.members)) == (made.role, list(made.members))
    assert changed.resource == "tenants/1"
