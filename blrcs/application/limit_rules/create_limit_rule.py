"""Creating a limit rule."""

from blrcs.application.limit_rules.limit_rule_fields import UPDATABLE, LimitRuleFields
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.limits import LimitRules
from blrcs.domain.limit_rule import LimitRule


class CreateLimitRule:
    """Creates a rule, in effect at once."""

    def __init__(self, *, rules: LimitRules, secrets: SecretGenerator, clock: Clock) -> None:
        self._rules = rules
        self._secrets = secrets
        self._clock = clock

    async def __call__(self, rule_id: str, fields: LimitRuleFields) -> LimitRule:
        """The rule created, under a made-up id if none is given.

        Raises:
            InvalidArgumentError: Something that a rule needs is missing.
            AlreadyExistsError: The id is taken, or a rule matches the same descriptors.
        """
        now_ns = self._clock()
        rule = LimitRule(
            id=rule_id or self._secrets.resource_id(),
            create_time_ns=now_ns,
            update_time_ns=now_ns,
            **fields.chosen(UPDATABLE),  # type: ignore[arg-type]
        )
        rule.check()
        await self._rules.add(rule)
        return rule
