"""Changing a binding."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.access.change_policy import change_policy
from blrcs.application.bindings.binding_fields import UPDATABLE, BindingFields
from blrcs.application.bindings.parent import found_within
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.access_policy import AccessPolicy, found
from blrcs.domain.binding import Binding
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange


class UpdateBinding:
    """Changes fields of a binding, in force at once."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(
        self,
        name: str,
        fields: BindingFields,
        *,
        mask: Iterable[str],
        etag: str,
        parent: str,
        actor: Actor | None,
    ) -> Binding:
        """The binding after the change.

        ``parent`` is the resource that the actor administers; the binding is for it, or below it.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            InvalidArgumentError: The mask names what cannot be changed, or a value is not valid.
            FailedPreconditionError: Nobody would be left as administrator; or see
                ``change_policy``.
            NotFoundError: It, or something that it would name, does not exist.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        now_ns = self._clock()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            stored = found_within(policy, name, parent)
            changed = replace(
                stored,
                **fields.chosen(chosen),  # type: ignore[arg-type]
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            change = PolicyChange(bindings=(changed,), etags={name: etag})
            return change_policy(policy, change, parent=parent, actor=actor, now_ns=now_ns)

        return found((await self._rules.change(delegated(operation, actor, now_ns))).bindings, name)
