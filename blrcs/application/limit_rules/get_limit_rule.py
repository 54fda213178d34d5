"""Reading a limit rule."""

from blrcs.application.ports.limits import LimitRules
from blrcs.domain.errors import NotFoundError
from blrcs.domain.limit_rule import LimitRule, limit_rule_name


class GetLimitRule:
    """Reads a rule."""

    def __init__(self, *, rules: LimitRules) -> None:
        self._rules = rules

    async def __call__(self, rule_id: str) -> LimitRule:
        """The rule; NotFoundError where there is none."""
        rule = await self._rules.get(rule_id)
        if rule is None:
            raise NotFoundError(limit_rule_name(rule_id))
        return rule
