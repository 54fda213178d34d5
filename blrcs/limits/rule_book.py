"""The limit rules in effect: those of the configuration, and those stored."""

from collections.abc import Callable, Sequence

from blrcs.config.limits import LimitRule as ConfiguredRule
from blrcs.config.settings import Settings
from blrcs.database.limit_rule_repository import SqliteLimitRuleRepository
from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits


class RuleBook:
    """Implements the LimitRules port, and takes new settings without a restart.

    A configured rule outweighs a stored one of the same id, or of the same domain and match.
    """

    def __init__(self, repository: SqliteLimitRuleRepository, limits: NativeLimits) -> None:
        self._repository = repository
        self._limits = limits
        self._configured: dict[str, LimitRule] = {}

    def load(self, settings: Settings) -> None:
        """Puts the rules of the settings and the stored ones into effect."""
        self._configured = _configured(settings)
        self._apply()

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """See :class:`blrcs.config.reloadable.Reloadable`."""
        del old
        configured = _configured(new)

        def commit() -> None:
            self._configured = configured
            self._apply()

        return commit

    async def get(self, rule_id: str) -> LimitRule | None:
        """See the port."""
        return self._configured.get(rule_id) or self._repository.get(rule_id)

    async def list_after(self, rule_id: str, limit: int) -> Sequence[LimitRule]:
        """See the port."""
        configured = [rule for rule in self._configured.values() if rule.id > rule_id]
        stored = self._repository.list_after(rule_id, limit)
        rules = {rule.id: rule for rule in (*stored, *configured)}
        return sorted(rules.values(), key=lambda rule: rule.id)[:limit]

    async def add(self, rule: LimitRule) -> None:
        """See the port."""
        if rule.id in self._configured:
            raise AlreadyExistsError(rule.name)
        self._refuse_twin(rule)
        await self._repository.add(rule)
        self._apply()

    async def update(self, rule_id: str, change: Callable[[LimitRule], LimitRule]) -> LimitRule:
        """See the port."""
        self._refuse_configured(rule_id)

        def checked(stored: LimitRule) -> LimitRule:
            changed = change(stored)
            self._refuse_twin(changed)
            return changed

        rule = await self._repository.update(rule_id, checked)
        self._apply()
        return rule

    async def delete(self, rule_id: str, *, etag: str) -> None:
        """See the port."""
        self._refuse_configured(rule_id)
        await self._repository.delete(rule_id, etag=etag)
        self._apply()

    def _apply(self) -> None:
        stored = (rule for rule in self._repository.all() if rule.id not in self._configured)
        self._limits.replace_rules((*stored, *self._configured.values()))

    def _refuse_configured(self, rule_id: str) -> None:
        if rule_id in self._configured:
            raise FailedPreconditionError(
                "LIMIT_RULE_CONFIGURED", "the rule stands in the configuration: change it there"
            )

    def _refuse_twin(self, rule: LimitRule) -> None:
        for other in self._configured.values():
            if (other.domain, other.match) == (rule.domain, rule.match):
                raise AlreadyExistsError(f"{other.name} with the same match")


def _configured(settings: Settings) -> dict[str, LimitRule]:
    return {rule.id: rule for rule in map(_rule, settings.limits.rules)}


def _rule(stated: ConfiguredRule) -> LimitRule:
    return LimitRule(
        id=stated.name,
        domain=stated.domain,
        match=tuple(LimitEntry(entry.key, entry.value) for entry in stated.match),
        requests=stated.requests,
        period_ns=stated.period.ns,
        burst=stated.burst,
        algorithm=stated.algorithm,
        shadow=stated.shadow,
        configured=True,
    )
