"""Two tenants with an administrator each, who made a role and a group of its own."""

from collections.abc import Iterator

import pytest

from blrcs.v1 import access_pb2, access_pb2_grpc
from tests.attacks.world import ATTACKER, VICTIM, World, world
from tests.transports import TRANSPORTS


@pytest.fixture(scope="module", params=TRANSPORTS)
def tenants(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Alice and Mallory administer a tenant each."""
    with world(tmp_path_factory.mktemp("tenants"), request.param) as started:
        access = access_pb2_grpc.AccessServiceStub(started.channel)
        for user, administrator in ((VICTIM, started.alice), (ATTACKER, started.mallory)):
            access.CreateBinding(
                access_pb2.CreateBindingRequest(
                    binding_id=f"{user}-administers",
                    binding={
                        "role": "roles/administrator",
                        "members": [f"users/{user}"],
                        "resource": f"tenants/{user}",
                    },
                ),
                metadata=started.admin,
            )
            home = f"tenants/{user}"
            access.CreateRole(
                access_pb2.CreateRoleRequest(parent=home, role_id="own", role={}),
                metadata=administrator,
            )
            access.CreateGroup(
                access_pb2.CreateGroupRequest(parent=home, group_id="own", group={}),
                metadata=administrator,
            )
        yield started
