"""The limit rules' storage, kept in memory."""

from blrcs.domain.errors import AlreadyExistsError, NotFoundError
from blrcs.domain.etag import require_etag
from blrcs.domain.limit_rule import limit_rule_name


class FakeLimitRuleRepository:
    def __init__(self, *rules):
        self.rules = {rule.id: rule for rule in rules}

    def all(self):
        return [self.rules[rule_id] for rule_id in sorted(self.rules)]

    async def add(self, rule):
        if rule.id in self.rules:
            raise AlreadyExistsError(rule.name)
        return self._keep(rule)

    async def update(self, rule_id, change):
        return self._keep(change(self._stored(rule_id)))

    async def delete(self, rule_id, *, etag):
        require_etag(rule_id, stored=self._stored(rule_id).etag, given=etag)
        del self.rules[rule_id]

    def _stored(self, rule_id):
        if rule_id not in self.rules:
            raise NotFoundError(limit_rule_name(rule_id))
        return self.rules[rule_id]

    def _keep(self, rule):
        for other in self.rules.values():
            if other.id != rule.id and (other.domain, other.match) == (rule.domain, rule.match):
                raise AlreadyExistsError(other.name)
        self.rules[rule.id] = rule
        return rule
