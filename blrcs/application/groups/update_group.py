"""Changing a group."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.access.keep_administrator import keep_administrator
from blrcs.application.access.stored_item import stored_item
from blrcs.application.groups.group_fields import UPDATABLE, GroupFields
from blrcs.application.ports.access import AccessChanges, AccessTransaction
from blrcs.application.ports.clock import Clock
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.access_references import check_nested_groups
from blrcs.domain.group import Group, group_name


class UpdateGroup:
    """Changes fields of a group, and with its members what they may do."""

    def __init__(self, *, access: AccessChanges, clock: Clock) -> None:
        self._access = access
        self._clock = clock

    async def __call__(
        self, group_id: str, fields: GroupFields, *, mask: Iterable[str], etag: str
    ) -> Group:
        """The group after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed.
            FailedPreconditionError: A group among the members does not exist, or leads back here or
                too deep; or no administrator would be left.
            NotFoundError: There is no such group.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        now_ns = self._clock()

        def operation(access: AccessTransaction) -> Group:
            stored = stored_item(access.groups, group_id, name=group_name(group_id), etag=etag)
            changed = replace(
                stored,
                **{name: getattr(fields, name) for name in chosen},
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            check_nested_groups(changed, access.groups.all())
            with keep_administrator(access):
                access.groups.replace(changed)
            return changed

        return await self._access.change(operation)
