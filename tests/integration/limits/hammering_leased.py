"""Consumes as one of several processes: URL, key prefix, rule and how often; prints what it got."""

import asyncio
import json
import sys
from types import SimpleNamespace

from blrcs.config.redis import Redis
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.redis_limits import RedisLimits
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs_native.limits.limiter import Limiter

CALLERS = 8
ALICE = (LimitEntry("user", "alice"),)
PATIENCE_S = 60


async def hammer(url, prefix, numbers, attempts):
    client = RedisClient(RedisUrl.parse(url), Redis(command_timeout="1m"))
    lost = []
    limits = RedisLimits(
        client,
        NativeLimits(Limiter(4096)),
        key_prefix=prefix,
        timeout_s=PATIENCE_S,
        retry_s=1,
        on_loss=lost.append,
    )
    limits.replace_rules([LimitRule(domain="d", match=(LimitEntry("user"),), **numbers)])
    got = SimpleNamespace(admitted=0, asked=0)
    run = client.run

    async def counted(*arguments):
        got.asked += 1
        return await run(*arguments)

    client.run = counted

    async def call():
        for _ in range(attempts // CALLERS):
            verdict = await limits.consume("d", [ALICE], 1, check_only=False)
            got.admitted += verdict.allowed
            await asyncio.sleep(0)

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    await limits.close()
    await client.close()
    assert not lost
    sys.stdout.write(json.dumps(vars(got)))


if __name__ == "__main__":
    url, prefix, numbers, attempts = sys.argv[1:]
    asyncio.run(hammer(url, prefix, json.loads(numbers), int(attempts)))
