"""Rules, descriptors and calls for tests of limiters."""

from blrcs.domain.limit_rule import LimitEntry, LimitRule

S = 1_000_000_000
DOMAIN = "d"
USER = LimitRule(id="user", domain=DOMAIN, match=(LimitEntry("user"),), requests=3, period_ns=3 * S)
WINDOW = {"algorithm": "fixed_window", "period_ns": 100 * S}


class Clock:
    """Stands until it is turned. It begins with a window of 100 s."""

    def __init__(self):
        self.now_ns = 1_700_000_000 * S

    def __call__(self):
        return self.now_ns


def descriptor(*pairs):
    return tuple(LimitEntry(key, value) for key, value in pairs)


ALICE = descriptor(("user", "alice"))
BOB = descriptor(("user", "bob"))


async def take(limits, *descriptors, cost=1, check_only=False):
    return await limits.consume(DOMAIN, descriptors, cost, check_only=check_only)


async def left(limits, *descriptors):
    return [status.remaining for status in await limits.peek(DOMAIN, descriptors)]
