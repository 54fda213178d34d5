"""A policy that is written by one worker and asked of another, and what it means by brute force."""

from collections.abc import Sequence
from typing import Any

import grpc

from blrcs.v1 import access_pb2, access_pb2_grpc
from blrcs_native.access.table import BindingSpec, GroupSpec, RoleSpec
from tests.e2e.workers import TIMEOUT_S, Metadata
from tests.unit.native.access.access_model import AccessModel

DENY = access_pb2.BINDING_EFFECT_DENY


class Policy:
    """What is made over one channel, and asked over another; ``clear`` takes all of it away."""

    def __init__(self, writing: grpc.Channel, reading: grpc.Channel, metadata: Metadata) -> None:
        self._writing = access_pb2_grpc.AccessServiceStub(writing)
        self._reading = access_pb2_grpc.AccessServiceStub(reading)
        self._call: dict[str, Any] = {"metadata": metadata, "timeout": TIMEOUT_S}
        self._roles: list[RoleSpec] = []
        self._groups: list[GroupSpec] = []
        self._bindings: list[BindingSpec] = []

    @property
    def model(self) -> AccessModel:
        return AccessModel(self._roles, self._groups, self._bindings)

    def role(self, name: str, permissions: Sequence[str], included: Sequence[str] = ()) -> None:
        role = access_pb2.Role(
            permissions=permissions, included_roles=[f"roles/{each}" for each in included]
        )
        request = access_pb2.CreateRoleRequest(role_id=name, role=role)
        made = self._writing.CreateRole(request, **self._call)
        self._roles.append(RoleSpec(made.name, made.permissions, made.included_roles))

    def include(self, name: str, included: str) -> None:
        """Changes a role, to include one more."""
        request = access_pb2.UpdateRoleRequest(
            role={"name": f"roles/{name}", "included_roles": [f"roles/{included}"]},
            update_mask={"paths": ["included_roles"]},
        )
        self._writing.UpdateRole(request, **self._call)

    def group(self, name: str, members: Sequence[str] = ()) -> None:
        request = access_pb2.CreateGroupRequest(group_id=name, group={"members": members})
        made = self._writing.CreateGroup(request, **self._call)
        self._groups.append(GroupSpec(made.name, made.members))

    def fill(self, name: str, members: Sequence[str]) -> None:
        """Gives a group other members."""
        request = access_pb2.UpdateGroupRequest(
            group={"name": f"groups/{name}", "members": members},
            update_mask={"paths": ["members"]},
        )
        made = self._writing.UpdateGroup(request, **self._call)
        others = [each for each in self._groups if each.name != made.name]
        self._groups = [*others, GroupSpec(made.name, made.members)]

    def bind(
        self, name: str, role: str, members: Sequence[str], resource: str, *, denies: bool = False
    ) -> None:
        binding = access_pb2.Binding(
            role=f"roles/{role}", members=members, resource=resource, effect=DENY if denies else 1
        )
        request = access_pb2.CreateBindingRequest(binding_id=name, binding=binding)
        made = self._writing.CreateBinding(request, **self._call)
        self._bindings.append(
            BindingSpec(made.name, made.role, made.members, made.resource, denies=denies)
        )

    def check(self, principal: str, permission: str, resource: str) -> bool:
        request = access_pb2.CheckRequest(
            principal=principal, permission=permission, resource=resource
        )
        return self._reading.Check(request, **self._call).allowed

    def checks(self, principal: str, queries: Sequence[tuple[str, str]]) -> list[bool]:
        request = access_pb2.BatchCheckRequest(
            principal=principal,
            queries=[{"permission": each, "resource": where} for each, where in queries],
        )
        return list(self._reading.BatchCheck(request, **self._call).allowed)

    def permissions(self, principal: str, resource: str) -> list[str]:
        request = access_pb2.ListPermissionsRequest(principal=principal, resource=resource)
        return list(self._reading.ListPermissions(request, **self._call).permissions)

    def who_can(self, permission: str, resource: str) -> dict[str, set[str]]:
        """Those who can, and of everybody those who cannot all the same; page by page."""
        request = access_pb2.WhoCanRequest(permission=permission, resource=resource, page_size=2)
        found: dict[str, set[str]] = {}
        while True:
            reply = self._reading.WhoCan(request, **self._call)
            found |= {each.principal: set(each.excepted) for each in reply.holders}
            if not reply.next_page_token:
                return found
            request.page_token = reply.next_page_token

    def clear(self) -> None:
        for binding in self._bindings:
            request = access_pb2.DeleteBindingRequest(name=binding.name)
            self._writing.DeleteBinding(request, **self._call)
        for group in self._groups:
            self.fill(group.name.removeprefix("groups/"), [])
        for group in self._groups:
            self._writing.DeleteGroup(access_pb2.DeleteGroupRequest(name=group.name), **self._call)
        for role in reversed(self._roles):
            self._writing.DeleteRole(access_pb2.DeleteRoleRequest(name=role.name), **self._call)
