"""Limit rules as the script that counts in Redis knows them."""

from dataclasses import dataclass, field
from hashlib import blake2b

from blrcs.domain.limit_rule import LimitRule, OnLoss
from blrcs.domain.policy import Algorithm
from blrcs.limits.cell import rule_identity
from blrcs_native.limits.share import Share

KINDS: dict[Algorithm, int] = {
    "gcra": 1,
    "fixed_window": 2,
    "sliding_window": 3,
    "concurrency": 4,
}
NS_PER_US = 1_000
US_PER_S = 1_000_000
DIGEST_BYTES = 16
MIN_LEASED = 20
"""What a limit admits at once at the least, for shares of it to be worth drawing."""
LEASE_PARTS = 10
"""A share lives for at most one part of the time in which all of the limit recovers, and is at most
one part of what the limit admits at once."""
MAX_LEASE_US = US_PER_S


@dataclass(frozen=True, slots=True)
class Lease:
    """How shares of a limit are drawn.

    Attributes:
        life_us: How long one may be spent.
        max_share: The largest that one process has.
        by_window: It may be spent in the window alone that it was drawn in.
    """

    life_us: int
    max_share: int
    by_window: bool


@dataclass(frozen=True, slots=True, eq=False)
class RedisRule:
    """A limit, compiled. Compared by identity: each belongs to one set of rules.

    Attributes:
        limit: What its statuses tell of.
        numbers: Its part of each claim, in JSON.
        key_prefix: Of its cells; the domain is the hash tag, so that all that one call counts lies
            in one slot of a Redis Cluster.
        lease: None where each decision asks Redis.
        shares: What this process has of it, by cell.
    """

    name: str
    limit: int
    shadow: bool
    on_loss: OnLoss
    numbers: bytes
    key_prefix: bytes
    lease: Lease | None
    shares: dict[bytes, Share] = field(default_factory=dict)

    def key(self, cell: bytes) -> bytes:
        """The name of a cell in Redis. It does not tell the values, which may be personal."""
        return self.key_prefix + blake2b(cell, digest_size=DIGEST_BYTES).hexdigest().encode()


def compile_rule(rule: LimitRule, *, key_prefix: str) -> RedisRule:
    """The rule for the script, which counts in microseconds: its period is rounded up to these.

    A rule goes on counting as long as its numbers stay, whatever becomes of its shadow or mode.
    """
    period_us = -(-rule.period_ns // NS_PER_US)
    burst = rule.requests if rule.burst is None else rule.burst
    values = f"{rule.algorithm} {rule.requests} {period_us} {burst} {rule_identity(rule)}"
    identity = blake2b(values.encode(), digest_size=DIGEST_BYTES).hexdigest()
    lease = _lease(rule, burst, period_us)
    if lease is not None and rule.algorithm == "gcra":
        burst -= _recovering(rule, period_us, lease.life_us)
    shadow = int(rule.shadow)
    return RedisRule(
        name=rule.name,
        limit=rule.requests,
        shadow=rule.shadow,
        on_loss=rule.on_loss,
        numbers=b"%d,%d,%d,%d,%d"
        % (KINDS[rule.algorithm], shadow, rule.requests, burst, period_us),
        key_prefix=f"{key_prefix}limit:{{{rule.domain}}}:{identity}:".encode(),
        lease=lease,
    )


def _lease(rule: LimitRule, burst: int, period_us: int) -> Lease | None:
    if rule.mode != "leased" or rule.algorithm == "concurrency" or burst < MIN_LEASED:
        return None
    depth_us = burst * period_us // rule.requests
    life_us = min(MAX_LEASE_US, depth_us // LEASE_PARTS)
    if life_us == 0:
        return None
    by_window = rule.algorithm != "gcra"
    return Lease(life_us, max_share=burst // LEASE_PARTS, by_window=by_window)


def _recovering(rule: LimitRule, period_us: int, time_us: int) -> int:
    """What GCRA admits anew in a time.

    What was drawn before it and is spent after it must fit beside what has recovered meanwhile, so
    this much of the burst is not given away.
    """
    return -(-time_us * rule.requests // period_us)
