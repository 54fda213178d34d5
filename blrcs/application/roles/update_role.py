"""Changing a role."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.access.stored_item import stored_item
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock
from blrcs.application.roles.role_fields import UPDATABLE, RoleFields
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.access_references import check_included_roles
from blrcs.domain.builtin_roles import refuse_builtin
from blrcs.domain.role import Role, role_name


class UpdateRole:
    """Changes fields of a role, and with them what its holders may do."""

    def __init__(self, *, access: AccessChanges, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def __call__(
        self, role_id: str, fields: RoleFields, *, mask: Iterable[str], etag: str
    ) -> Role:
        """The role after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed.
            FailedPreconditionError: The role is built in; or an included role does not exist, or
                leads back here or too deep.
            NotFoundError: There is no such role.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        refuse_builtin(role_id)
        chosen = fields_to_update(mask, UPDATABLE)
        now_ns = self._clock()

        def operation(access: AccessTransaction) -> Role:
            stored = stored_item(access.roles, role_id, name=role_name(role_id), etag=etag)
            changed = replace(
                stored,
                **{name: getattr(fields, name) for name in chosen},
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            check_included_roles(changed, access.roles.all())
            access.roles.replace(changed)
            return changed

        return await self._access.change(operation)
