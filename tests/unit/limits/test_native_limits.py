from dataclasses import replace

from blrcs.domain.limit_rule import LimitEntry
from blrcs.limits.native_limits import NativeLimits
from blrcs_native.limits.limiter import Limiter
from tests.conformance.limits.cases import (
    ALICE,
    BOB,
    USER,
    WINDOW,
    Clock,
    S,
    descriptor,
    left,
    take,
)


class Overtaken:
    """A limiter from which another process takes between the look and the taking."""

    def __init__(self, limiter):
        self._limiter = limiter

    def __getattr__(self, name):
        return getattr(self._limiter, name)

    def consume_all(self, claims):
        rule, key, cost = claims[-1]
        self._limiter.consume(rule, key, rule.limit - cost + 1)
        return self._limiter.consume_all(claims)


async def test_who_is_overtaken_by_another_process_takes_nothing():
    limits = NativeLimits(Limiter(4096, clock=Clock()))
    limits._limiter = Overtaken(limits._limiter)
    shadow = replace(USER, id="other", match=(LimitEntry("other"),), shadow=True)
    limits.replace_rules([replace(USER, **WINDOW), replace(shadow, **WINDOW)])
    verdict = await take(limits, ALICE, BOB, descriptor(("other", "x")))
    assert (verdict.allowed, verdict.retry_after_ns) == (False, 100 * S)
    assert [status.allowed for status in verdict.statuses] == [True, False, True]
    assert await left(limits, ALICE, BOB, descriptor(("other", "x"))) == [3, 0, 3]
