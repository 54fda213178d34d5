"""Changing a binding."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.access.keep_administrator import keep_administrator
from blrcs.application.access.stored_item import stored_item
from blrcs.application.bindings.binding_fields import UPDATABLE, BindingFields
from blrcs.application.ports.access import AccessChanges, AccessTransaction, ResourceRule
from blrcs.application.ports.clock import Clock
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.access_references import check_bound
from blrcs.domain.binding import Binding, binding_name


class UpdateBinding:
    """Changes fields of a binding, and with them what its members may do."""

    def __init__(self, *, access: AccessChanges, resource_rule: ResourceRule, clock: Clock) -> None:
        self._access = access
        self._resource_rule = resource_rule
        self._clock = clock

    async def __call__(
        self, binding_id: str, fields: BindingFields, *, mask: Iterable[str], etag: str
    ) -> Binding:
        """The binding after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed; no role or no member would
                be left, or the resource is no name.
            FailedPreconditionError: The role, or a group among the members, does not exist; or no
                administrator would be left.
            NotFoundError: There is no such binding.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        if "resource" in chosen:
            fields.check_resource(self._resource_rule)
        now_ns = self._clock()

        def operation(access: AccessTransaction) -> Binding:
            stored = stored_item(
                access.bindings, binding_id, name=binding_name(binding_id), etag=etag
            )
            changed = replace(
                stored,
                **fields.chosen(chosen),  # type: ignore[arg-type]
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            changed.check()
            check_bound(changed, access.roles.all(), access.groups.all())
            with keep_administrator(access):
                access.bindings.replace(changed)
            return changed

        return await self._access.change(operation)
