"""The use cases that AccessService serves, by what they are about."""

from dataclasses import dataclass

from blrcs.application.bindings.create_binding import CreateBinding
from blrcs.application.bindings.delete_binding import DeleteBinding
from blrcs.application.bindings.get_binding import GetBinding
from blrcs.application.bindings.list_bindings import ListBindings
from blrcs.application.bindings.update_binding import UpdateBinding
from blrcs.application.groups.create_group import CreateGroup
from blrcs.application.groups.delete_group import DeleteGroup
from blrcs.application.groups.get_group import GetGroup
from blrcs.application.groups.list_groups import ListGroups
from blrcs.application.groups.update_group import UpdateGroup
from blrcs.application.roles.create_role import CreateRole
from blrcs.application.roles.delete_role import DeleteRole
from blrcs.application.roles.get_role import GetRole
from blrcs.application.roles.list_roles import ListRoles
from blrcs.application.roles.update_role import UpdateRole


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleUseCases:
    """The use cases about roles."""

    create_role: CreateRole
    get_role: GetRole
    list_roles: ListRoles
    update_role: UpdateRole
    delete_role: DeleteRole


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUseCases:
    """The use cases about groups."""

    create_group: CreateGroup
    get_group: GetGroup
    list_groups: ListGroups
    update_group: UpdateGroup
    delete_group: DeleteGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingUseCases:
    """The use cases about bindings."""

    create_binding: CreateBinding
    get_binding: GetBinding
    list_bindings: ListBindings
    update_binding: UpdateBinding
    delete_binding: DeleteBinding
