"""AccessService: who may do what on which resource."""

from google.protobuf.empty_pb2 import Empty

from blrcs.api.access_messages import (
    binding_fields,
    binding_message,
    explanation_message,
    group_fields,
    group_message,
    holder_message,
    role_fields,
    role_message,
)
from blrcs.api.access_use_cases import BindingUseCases, GroupUseCases, RoleUseCases
from blrcs.api.calling_actor import ActorOf, calling_actor
from blrcs.api.dry_run_messages import candidate, dry_run_message
from blrcs.application.access.dry_run import DryRun
from blrcs.application.access.who_can import WhoCan
from blrcs.application.page import PageRequest
from blrcs.application.ports.access import DecisionsNow
from blrcs.domain.access_name import BINDINGS, GROUPS, ROLES, require_name
from blrcs.v1 import access_pb2, access_pb2_grpc
from blrcs_native.call import Call


class AccessService(access_pb2_grpc.AccessServiceServicer):
    """Serves blrcs.v1.AccessService; the contract of each method stands in access.proto."""

    def __init__(
        self,
        *,
        decisions: DecisionsNow,
        roles: RoleUseCases,
        groups: GroupUseCases,
        bindings: BindingUseCases,
        who_can: WhoCan,
        dry_run: DryRun,
        actor_of: ActorOf = calling_actor,
    ) -> None:
        self._who_can = who_can
        self._dry_run = dry_run
        self._actor_of = actor_of
        self._decisions = decisions
        self._roles = roles
        self._groups = groups
        self._bindings = bindings

    async def Check(self, request: access_pb2.CheckRequest, _: Call) -> access_pb2.CheckResponse:
        """From the epoch that it names."""
        now = self._decisions()
        allowed = now.check(request.principal, request.permission, request.resource)
        return access_pb2.CheckResponse(allowed=allowed, epoch=now.epoch)

    async def BatchCheck(
        self, request: access_pb2.BatchCheckRequest, _: Call
    ) -> access_pb2.BatchCheckResponse:
        """All from one epoch."""
        now = self._decisions()
        return access_pb2.BatchCheckResponse(
            allowed=[
                now.check(request.principal, query.permission, query.resource)
                for query in request.queries
            ],
            epoch=now.epoch,
        )

    async def Explain(
        self, request: access_pb2.ExplainRequest, _: Call
    ) -> access_pb2.ExplainResponse:
        """Names what grants, and what nearly does."""
        now = self._decisions()
        explanation = now.explain(request.principal, request.permission, request.resource)
        return explanation_message(explanation, now.epoch)

    async def ListPermissions(
        self, request: access_pb2.ListPermissionsRequest, _: Call
    ) -> access_pb2.ListPermissionsResponse:
        """Of those that any method or role names."""
        now = self._decisions()
        return access_pb2.ListPermissionsResponse(
            permissions=now.permissions(request.principal, request.resource), epoch=now.epoch
        )

    async def WhoCan(
        self, request: access_pb2.WhoCanRequest, call: Call
    ) -> access_pb2.WhoCanResponse:
        """All on a page from the epoch that it names."""
        page, epoch = await self._who_can(
            request.permission,
            request.resource,
            PageRequest(request.page_size, request.page_token),
            actor=self._actor_of(call),
        )
        return access_pb2.WhoCanResponse(
            holders=map(holder_message, page.items),
            next_page_token=page.next_page_token,
            epoch=epoch,
        )

    async def DryRun(
        self, request: access_pb2.DryRunRequest, call: Call
    ) -> access_pb2.DryRunResponse:
        """Of what is stored, which may lag a few seconds behind."""
        outcome = await self._dry_run(
            candidate(request), parent=request.parent, actor=self._actor_of(call)
        )
        return dry_run_message(outcome, request.max_changes)

    async def CreateRole(
        self, request: access_pb2.CreateRoleRequest, call: Call
    ) -> access_pb2.Role:
        """In force when it returns."""
        made = await self._roles.create_role(
            request.role_id,
            role_fields(request.role),
            home=request.parent,
            actor=self._actor_of(call),
        )
        return role_message(made)

    async def GetRole(self, request: access_pb2.GetRoleRequest, _: Call) -> access_pb2.Role:
        """As it is in force."""
        return role_message(await self._roles.get_role(require_name(request.name, ROLES)))

    async def ListRoles(
        self, request: access_pb2.ListRolesRequest, _: Call
    ) -> access_pb2.ListRolesResponse:
        """In the order of their names."""
        page = await self._roles.list_roles(
            PageRequest(request.page_size, request.page_token), home=request.parent
        )
        return access_pb2.ListRolesResponse(
            roles=map(role_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateRole(
        self, request: access_pb2.UpdateRoleRequest, call: Call
    ) -> access_pb2.Role:
        """In force when it returns."""
        changed = await self._roles.update_role(
            require_name(request.role.name, ROLES, field="role.name"),
            role_fields(request.role),
            mask=request.update_mask.paths,
            etag=request.role.etag,
            actor=self._actor_of(call),
        )
        return role_message(changed)

    async def DeleteRole(self, request: access_pb2.DeleteRoleRequest, _: Call) -> Empty:
        """In force when it returns."""
        await self._roles.delete_role(require_name(request.name, ROLES), etag=request.etag)
        return Empty()

    async def CreateGroup(
        self, request: access_pb2.CreateGroupRequest, call: Call
    ) -> access_pb2.Group:
        """In force when it returns."""
        made = await self._groups.create_group(
            request.group_id,
            group_fields(request.group),
            home=request.parent,
            actor=self._actor_of(call),
        )
        return group_message(made)

    async def GetGroup(self, request: access_pb2.GetGroupRequest, _: Call) -> access_pb2.Group:
        """As it is in force."""
        return group_message(await self._groups.get_group(require_name(request.name, GROUPS)))

    async def ListGroups(
        self, request: access_pb2.ListGroupsRequest, _: Call
    ) -> access_pb2.ListGroupsResponse:
        """In the order of their names."""
        page = await self._groups.list_groups(
            PageRequest(request.page_size, request.page_token), home=request.parent
        )
        return access_pb2.ListGroupsResponse(
            groups=map(group_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateGroup(
        self, request: access_pb2.UpdateGroupRequest, call: Call
    ) -> access_pb2.Group:
        """In force when it returns."""
        changed = await self._groups.update_group(
            require_name(request.group.name, GROUPS, field="group.name"),
            group_fields(request.group),
            mask=request.update_mask.paths,
            etag=request.group.etag,
            actor=self._actor_of(call),
        )
        return group_message(changed)

    async def DeleteGroup(self, request: access_pb2.DeleteGroupRequest, call: Call) -> Empty:
        """In force when it returns."""
        await self._groups.delete_group(
            require_name(request.name, GROUPS), etag=request.etag, actor=self._actor_of(call)
        )
        return Empty()

    async def CreateBinding(
        self, request: access_pb2.CreateBindingRequest, call: Call
    ) -> access_pb2.Binding:
        """In force when it returns."""
        made = await self._bindings.create_binding(
            request.binding_id,
            binding_fields(request.binding),
            parent=request.parent,
            actor=self._actor_of(call),
        )
        return binding_message(made)

    async def GetBinding(
        self, request: access_pb2.GetBindingRequest, _: Call
    ) -> access_pb2.Binding:
        """As it is in force."""
        return binding_message(
            await self._bindings.get_binding(
                require_name(request.name, BINDINGS), parent=request.parent
            )
        )

    async def ListBindings(
        self, request: access_pb2.ListBindingsRequest, _: Call
    ) -> access_pb2.ListBindingsResponse:
        """In the order of their names."""
        page = await self._bindings.list_bindings(
            PageRequest(request.page_size, request.page_token), parent=request.parent
        )
        return access_pb2.ListBindingsResponse(
            bindings=map(binding_message, page.items), next_page_token=page.next_page_token
        )

    async def UpdateBinding(
        self, request: access_pb2.UpdateBindingRequest, call: Call
    ) -> access_pb2.Binding:
        """In force when it returns."""
        changed = await self._bindings.update_binding(
            require_name(request.binding.name, BINDINGS, field="binding.name"),
            binding_fields(request.binding),
            mask=request.update_mask.paths,
            etag=request.binding.etag,
            parent=request.parent,
            actor=self._actor_of(call),
        )
        return binding_message(changed)

    async def DeleteBinding(self, request: access_pb2.DeleteBindingRequest, call: Call) -> Empty:
        """In force when it returns."""
        await self._bindings.delete_binding(
            require_name(request.name, BINDINGS),
            etag=request.etag,
            parent=request.parent,
            actor=self._actor_of(call),
        )
        return Empty()
