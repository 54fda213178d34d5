"""Every limiter, by one clock."""

import itertools

import pytest

from blrcs.config.redis import Redis
from blrcs.limits.native_limits import NativeLimits
from blrcs.limits.redis_limits import RedisLimits
from blrcs.redis.client import RedisClient
from blrcs.redis.url import RedisUrl
from blrcs_native.limits.limiter import Limiter
from tests.conformance.limits.cases import Clock

PATIENCE_S = 30
NS_PER_US = 1_000
_numbers = itertools.count()


def native(clock):
    return NativeLimits(Limiter(4096, clock=clock))


def in_redis(client, clock, *, on_loss=lambda _: None, **changes):
    """Limits of which no other test has seen a key."""
    options = {
        "key_prefix": f"test{next(_numbers)}:",
        "timeout_s": PATIENCE_S,
        "retry_s": 0.01,
        "clock_us": None if clock is None else lambda: clock() // NS_PER_US,
    }
    return RedisLimits(client, native(clock), on_loss=on_loss, **options | changes)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def redis_client(redis_server):
    settings = Redis(command_timeout="1m")
    client = RedisClient(RedisUrl.parse(redis_server.url()), settings)
    yield client
    await client.close()


@pytest.fixture(params=["native", "redis"])
async def limits_of(request, clock, redis_client):
    """Makes limits with rules."""
    made = []

    def make(*rules):
        limits = native(clock)
        if request.param == "redis":
            limits = in_redis(redis_client, clock)
            made.append(limits)
        limits.replace_rules(rules)
        return limits

    yield make
    for limits in made:
        await limits.close()
