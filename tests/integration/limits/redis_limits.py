"""Limits in a real Redis, for tests that stop it."""

from contextlib import asynccontextmanager

from blrcs.config.redis import Redis
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.redis_limits import RedisLimits
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs_native.limits.limiter import Limiter

DOMAIN = "d"
HOUR_NS = 3_600_000_000_000
ALICE = (LimitEntry("user", "alice"),)
PATIENCE_S = 30


def rule(**changes):
    stated = {"id": "user", "domain": DOMAIN, "match": (LimitEntry("user"),), "requests": 5}
    return LimitRule(**stated | {"period_ns": HOUR_NS, "algorithm": "fixed_window"} | changes)


@asynccontextmanager
async def limits_in(url, *rules, timeout_s=PATIENCE_S, retry_s=0.01, command_timeout="1m"):
    """Limits, and what was told of losses."""
    client = RedisClient(RedisUrl.parse(url), Redis(command_timeout=command_timeout))
    losses = []
    limits = RedisLimits(
        client,
        NativeLimits(Limiter(4096)),
        key_prefix="test:",
        timeout_s=timeout_s,
        retry_s=retry_s,
        on_loss=losses.append,
    )
    limits.replace_rules(rules)
    try:
        yield limits, losses
    finally:
        await limits.close()
        await client.close()


async def take(limits, *descriptors, cost=1):
    return await limits.consume(DOMAIN, descriptors or (ALICE,), cost, check_only=False)
