"""Puts the limits of LimitService together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from blrcs.api.limit_service import LimitService
from blrcs.assembly.direct import direct_limits
from blrcs.assembly.foundation import NS_PER_S, Foundation
from blrcs.assembly.metrics import ServerMetrics
from blrcs.config.settings import Settings
from blrcs.database.repositories.limit_rule import SqlLimitRuleRepository
from blrcs.interceptors.direct import DirectHandlers
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.rule_book import RuleBook
from blrcs.workers.memory import LIMIT_RULES, SERVICE, Memory

if TYPE_CHECKING:
    from blrcs.limits.redis_limits import RedisLimits


AnyLimits: TypeAlias = "NativeLimits | RedisLimits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLimits:
    """What the rest of the server needs of them."""

    limits: "AnyLimits"
    rules: RuleBook
    service: LimitService
    direct: DirectHandlers

    async def sweep(self) -> None:
        """Gives up what was drawn in advance and nobody uses. To be called regularly."""
        if not isinstance(self.limits, NativeLimits):
            self.limits.sweep()


def assemble_limits(
    base: Foundation,
    settings: Settings,
    memory: Memory,
    metrics: ServerMetrics,
    stack: AsyncExitStack,
) -> ServiceLimits:
    """The limits of this machine, or, where they are counted in Redis, of all that share it."""
    limits: AnyLimits
    limits = local = NativeLimits(memory.limiter(SERVICE, settings.guards.limiter_cells))
    if settings.limits.backend == "redis" and base.redis is not None:
        from blrcs.limits.redis_limits import RedisLimits  # noqa: PLC0415 - as in the foundation

        limits = RedisLimits(
            base.redis,
            local,
            key_prefix=f"{base.redis.key_prefix}:",
            timeout_s=settings.limits.redis_timeout.ns / NS_PER_S,
            retry_s=settings.limits.redis_retry.ns / NS_PER_S,
            on_loss=metrics.limited_without_redis,
        )
        stack.push_async_callback(limits.close)
    rules = RuleBook(
        SqlLimitRuleRepository(base.database, base.reader),
        limits,
        memory.generation(LIMIT_RULES),
        announce=base.announce,
    )
    rules.load(settings)
    service = LimitService(
        limits=limits,
        rules=rules,
        secrets=base.secrets,
        page_tokens=base.page_tokens,
        clock=base.clock,
    )
    return ServiceLimits(
        limits=limits, rules=rules, service=service, direct=direct_limits(service, limits)
    )
