"""Puts AccessService together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from blrcs.api.access_service import AccessService
from blrcs.api.access_use_cases import BindingUseCases, GroupUseCases, RoleUseCases
from blrcs.api.calling_actor import ActorOf, calling_actor
from blrcs.application.access.dry_run import DryRun
from blrcs.application.access.grant_administrator import GrantAdministrator
from blrcs.application.access.who_can import WhoCan
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
from blrcs.application.ports.access import DecisionsNow
from blrcs.application.roles.create_role import CreateRole
from blrcs.application.roles.delete_role import DeleteRole
from blrcs.application.roles.get_role import GetRole
from blrcs.application.roles.list_roles import ListRoles
from blrcs.application.roles.update_role import UpdateRole
from blrcs.assembly.access_house import AccessHouse
from blrcs.assembly.foundation import Foundation
from blrcs.config.access import Access as Settings
from blrcs.database.repositories.access import SqlAccessRepository
from blrcs.database.repositories.decision import SqlDecisionRepository
from blrcs.security.access_store import AccessStore, TableDecisions
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.shared.generation import Generation

DEFAULTS = Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the rest of the server needs of it."""

    current: CurrentAccess
    decisions: DecisionsNow
    store: AccessStore
    service: AccessService
    house: AccessHouse
    grant_administrator: GrantAdministrator


def assemble_access(
    base: Foundation,
    method_permissions: Callable[[], Iterable[str]],
    generation: Generation | None = None,
    *,
    settings: Settings = DEFAULTS,
    actor_of: ActorOf = calling_actor,
) -> Access:
    """Everything about who may do what.

    Args:
        base: What it stands on.
        method_permissions: Gives the permissions that policies name.
        generation: See AccessStore.
        settings: What is kept beside the policy.
        actor_of: Tells who changes the policy by a call, and gives no more than it has.
    """
    store = AccessStore(
        SqlAccessRepository(base.database, base.reader),
        clock=base.clock,
        generation=generation,
        announce=base.announce,
    )
    store.load()

    def known_permissions() -> set[str]:
        roles = store.policy.all_roles.values()
        stated = {permission for role in roles for permission in role.permissions}
        return {each for each in stated if not each.endswith("*")} | set(method_permissions())

    changing: dict[str, Any] = {"rules": store, "clock": base.clock}
    creating: dict[str, Any] = {**changing, "secrets": base.secrets}
    listing: dict[str, Any] = {"rules": store, "page_tokens": base.page_tokens}

    recorded = SqlDecisionRepository(base.database, most=settings.recorded_decisions)
    house = AccessHouse(
        store,
        recorded,
        clock=base.clock,
        keep_expired_ns=settings.keep_expired.ns,
        recorded=settings.recorded_decisions,
    )

    def decisions() -> TableDecisions:
        return TableDecisions(store.current.table, known_permissions)

    service = AccessService(
        decisions=decisions,
        actor_of=actor_of,
        who_can=WhoCan(**listing, clock=base.clock),
        dry_run=DryRun(
            rules=store,
            decisions=recorded,
            compiled=lambda policy: TableDecisions(store.compile(policy).table, tuple),
            require_administrator=store.require_administrator,
            clock=base.clock,
        ),
        roles=RoleUseCases(
            create_role=CreateRole(**creating),
            get_role=GetRole(rules=store),
            list_roles=ListRoles(**listing),
            update_role=UpdateRole(**changing),
            delete_role=DeleteRole(rules=store),
        ),
        groups=GroupUseCases(
            create_group=CreateGroup(**creating),
            get_group=GetGroup(rules=store),
            list_groups=ListGroups(**listing),
            update_group=UpdateGroup(**changing),
            delete_group=DeleteGroup(**changing),
        ),
        bindings=BindingUseCases(
            create_binding=CreateBinding(**creating),
            get_binding=GetBinding(rules=store),
            list_bindings=ListBindings(**listing),
            update_binding=UpdateBinding(**changing),
            delete_binding=DeleteBinding(**changing),
        ),
    )
    return Access(
        current=store.current,
        decisions=decisions,
        store=store,
        service=service,
        house=house,
        grant_administrator=GrantAdministrator(rules=store, clock=base.clock),
    )
