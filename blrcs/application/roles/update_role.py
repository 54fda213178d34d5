"""Changing a role."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.access.change_policy import change_policy
from blrcs.application.ports.access import AccessRules
from blrcs.application.ports.clock import Clock
from blrcs.application.roles.role_fields import UPDATABLE, RoleFields
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy, found, refuse_builtin
from blrcs.domain.delegation import Actor, delegated
from blrcs.domain.policy_change import PolicyChange
from blrcs.domain.role import Role


class UpdateRole:
    """Changes fields of a role, in force at once."""

    def __init__(self, *, rules: AccessRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(
        self, name: str, fields: RoleFields, *, mask: Iterable[str], etag: str, actor: Actor | None
    ) -> Role:
        """The role after the change.

        Raises:
            PermissionDeniedError: The actor does not hold itself what it would give.
            InvalidArgumentError: The mask names what cannot be changed, or a value is not valid.
            FailedPreconditionError: It is built in, or would include itself.
            NotFoundError: It, or something that it would name, does not exist.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        now_ns = self._clock()

        def operation(policy: AccessPolicy) -> AccessPolicy:
            refuse_builtin(name)
            stored = found(policy.roles, name)
            changed = replace(
                stored,
                **fields.chosen(chosen),  # type: ignore[arg-type]
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            change = PolicyChange(roles=(changed,), etags={name: etag})
            return change_policy(policy, change, parent=home_of(name), actor=actor, now_ns=now_ns)

        return found((await self._rules.change(delegated(operation, actor, now_ns))).roles, name)
