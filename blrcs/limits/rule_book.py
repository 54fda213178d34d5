"""The limit rules in effect: those of the configuration, and those stored."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from blrcs.config.limits import LimitRule as ConfiguredRule
from blrcs.config.settings import Settings
from blrcs.database.repositories.limit_rule import SqlLimitRuleRepository
from blrcs.domain.errors import AlreadyExistsError, FailedPreconditionError
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs_native.shared.generation import Generation

if TYPE_CHECKING:
    from blrcs.limits.redis_limits import RedisLimits

Written = TypeVar("Written")


class RuleBook:
    """Implements the LimitRules port, and takes new settings without a restart.

    All rules are held in memory; the repository makes them last. A configured rule outweighs a
    stored one of the same id, or of the same domain and match. Belongs to the event loop.

    Args:
        generation: Moves with every change that any process makes; None where there is one process.
        announce: Called after each change that is stored.
    """

    def __init__(
        self,
        repository: SqlLimitRuleRepository,
        limits: "NativeLimits | RedisLimits",
        generation: Generation | None = None,
        *,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        self._announce = announce
        self._repository = repository
        self._limits = limits
        self._configured: dict[str, LimitRule] = {}
        self._stored: dict[str, LimitRule] = {}
        self._running: set[asyncio.Task[Any]] = set()
        # What the rules stored were at when they were read, and how often they changed since.
        self._state: object = None
        self._changes = 0
        self._generation = generation
        if generation is not None:
            limits.follow(generation, self._load_stored)

    def load(self, settings: Settings) -> None:
        """Puts the rules of the settings and the stored ones into effect."""
        self._configured = _configured(settings)
        self._load_stored()

    async def follow(self) -> None:
        """Puts into effect what another machine has stored."""
        state = await self._repository.state()
        if state == self._state:
            return
        changes = self._changes
        stored = await self._repository.load()
        # What was changed here meanwhile is newer than what was read.
        if changes == self._changes:
            self._state = state
            self._take_over(stored)

    def _load_stored(self) -> None:
        self._take_over(self._repository.all())

    def _take_over(self, stored: Sequence[LimitRule]) -> None:
        self._changes += 1
        self._stored = {rule.id: rule for rule in stored}
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
        return self._rules().get(rule_id)

    async def list_after(self, rule_id: str, limit: int) -> Sequence[LimitRule]:
        """See the port."""
        rules = self._rules()
        ids = sorted(rules)
        start = bisect_right(ids, rule_id)
        return [rules[each] for each in ids[start : start + limit]]

    async def add(self, rule: LimitRule) -> None:
        """See the port."""
        if rule.id in self._configured:
            raise AlreadyExistsError(rule.name)
        self._refuse_twin(rule)
        await self._change(self._repository.add(rule), self._take_in)

    async def update(self, rule_id: str, change: Callable[[LimitRule], LimitRule]) -> LimitRule:
        """See the port."""
        self._refuse_configured(rule_id)

        def checked(stored: LimitRule) -> LimitRule:
            changed = change(stored)
            self._refuse_twin(changed)
            return changed

        return await self._change(self._repository.update(rule_id, checked), self._take_in)

    async def delete(self, rule_id: str, *, etag: str) -> None:
        """See the port."""
        self._refuse_configured(rule_id)
        await self._change(
            self._repository.delete(rule_id, etag=etag), lambda _: self._stored.pop(rule_id, None)
        )

    async def _change(
        self, writing: Coroutine[Any, Any, Written], take_in: Callable[[Written], object]
    ) -> Written:
        # What is written comes into effect even if the caller has gone meanwhile.
        task = asyncio.get_running_loop().create_task(self._write(writing, take_in))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _write(
        self, writing: Coroutine[Any, Any, Written], take_in: Callable[[Written], object]
    ) -> Written:
        # Writes end in the order in which they were made, so the last one here is the last there.
        written = await writing
        self._changes += 1
        take_in(written)
        self._apply()
        if self._generation is not None:
            self._generation.bump()
        self._announce()
        return written

    def _take_in(self, rule: LimitRule) -> None:
        self._stored[rule.id] = rule

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # so that asyncio does not complain where the caller was cancelled

    def _rules(self) -> dict[str, LimitRule]:
        self._limits.catch_up()
        return self._stored | self._configured

    def _apply(self) -> None:
        # The index takes the later of two that match the same: the configured one.
        stored = (rule for rule in self._stored.values() if rule.id not in self._configured)
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
        mode=stated.mode,
        on_loss=stated.on_loss,
        configured=True,
    )
