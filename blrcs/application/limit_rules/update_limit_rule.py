"""Changing a limit rule."""

from collections.abc import Iterable
from dataclasses import replace

from blrcs.application.limit_rules.limit_rule_fields import UPDATABLE, LimitRuleFields
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.limits import LimitRules
from blrcs.application.update_mask import fields_to_update
from blrcs.domain.etag import require_etag
from blrcs.domain.limit_rule import LimitRule


class UpdateLimitRule:
    """Changes fields of a rule. One whose numbers change counts afresh."""

    def __init__(self, *, rules: LimitRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    async def __call__(
        self, rule_id: str, fields: LimitRuleFields, *, mask: Iterable[str], etag: str
    ) -> LimitRule:
        """The rule after the change.

        Raises:
            InvalidArgumentError: The mask names what cannot be changed, or too little is left.
            FailedPreconditionError: The rule stands in the configuration.
            NotFoundError: There is no such rule.
            AlreadyExistsError: Another rule matches the same descriptors.
            AbortedError: ``etag`` is not empty and not the stored one.
        """
        chosen = fields_to_update(mask, UPDATABLE)
        now_ns = self._clock()

        def change(stored: LimitRule) -> LimitRule:
            require_etag(stored.name, stored=stored.etag, given=etag)
            changed = replace(
                stored,
                **fields.chosen(chosen),  # type: ignore[arg-type]
                update_time_ns=now_ns,
                revision=stored.revision + 1,
            )
            changed.check()
            return changed

        return await self._rules.update(rule_id, change)
