"""The limiter as plain arithmetic on exact fractions: no table, no bounds, no 128-bit words.

It is written from what each algorithm means, not from how the native one computes it: GCRA as a
meter that drains, windows as counts by number, concurrency as a list of leases.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

from blrcs_native.limits.limiter import NEVER_NS, Rule

MAX_CLOCK_NS = 2**62 - 1
SLICES = 6


def rounded_up_ns(time: Fraction) -> int:
    """Whole nanoseconds, within what the limiter can say and short of never."""
    return min(math.ceil(time), NEVER_NS - 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision's figures."""

    allowed: bool
    limit: int
    remaining: int
    retry_after_ns: int
    reset_after_ns: int
    lease: int
    index: int


class Meter(Protocol):
    """What one key has taken under one rule. Times given never decrease."""

    def used(self, now: int) -> Fraction:
        """What counts now."""

    def wait(self, now: int, cost: int) -> Fraction:
        """Until a cost fits that does not fit now, and never exceeds the burst."""

    def idle(self, now: int) -> Fraction:
        """Until nothing counts any more."""

    def take(self, now: int, cost: int) -> None: ...

    def give(self, now: int, cost: int) -> None: ...


@dataclass
class DrainingMeter:
    """GCRA: drains ``limit`` in a period, overflows at the burst."""

    rule: Rule
    level: Fraction = Fraction(0)
    at: int = 0

    @property
    def rate(self) -> Fraction:
        return Fraction(self.rule.limit or 1, self.rule.period_ns)

    def used(self, now: int) -> Fraction:
        return max(self.level - (now - self.at) * self.rate, Fraction(0))

    def wait(self, now: int, cost: int) -> Fraction:
        return (self.used(now) + cost - self.rule.burst) / self.rate

    def idle(self, now: int) -> Fraction:
        return self.used(now) / self.rate

    def take(self, now: int, cost: int) -> None:
        self.level, self.at = self.used(now) + cost, now

    def give(self, now: int, cost: int) -> None:
        self.level, self.at = max(self.used(now) - cost, Fraction(0)), now


@dataclass
class WindowMeter:
    """Fixed and sliding windows: ``reach`` windows count, the one before by its share."""

    rule: Rule
    reach: int
    counts: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def weight(self, window: int, now: int) -> Fraction:
        """The share with which a window counts."""
        passed = Fraction(now, self.rule.period_ns) - window
        if passed < 1:
            return Fraction(1)
        return max(2 - passed, Fraction(0)) if self.reach == 2 else Fraction(0)

    def used(self, now: int) -> Fraction:
        return sum(
            (count * self.weight(window, now) for window, count in self.counts.items()),
            start=Fraction(0),
        )

    def wait(self, now: int, cost: int) -> Fraction:
        # What counts never grows by itself, so the first time that fits can be bisected for.
        early, late = now, now + 2 * self.rule.period_ns
        while late - early > 1:
            middle = (early + late) // 2
            if self.used(middle) + cost <= self.rule.limit:
                late = middle
            else:
                early = middle
        return Fraction(late - now)

    def idle(self, now: int) -> Fraction:
        ends = [
            (window + self.reach) * self.rule.period_ns - now
            for window, count in self.counts.items()
            if count
        ]
        return Fraction(max([*ends, 0]))

    def take(self, now: int, cost: int) -> None:
        self.counts[now // self.rule.period_ns] += cost

    def give(self, now: int, cost: int) -> None:
        window = now // self.rule.period_ns
        for counted in range(window, window - self.reach, -1):
            given = min(cost, self.counts[counted])
            self.counts[counted] -= given
            cost -= given


@dataclass
class LeaseMeter:
    """Concurrency: single leases, each lapsing with the slice that it was taken in."""

    rule: Rule
    leases: list[tuple[int, int]] = field(default_factory=list)

    @property
    def width(self) -> int:
        return math.ceil(Fraction(self.rule.period_ns, SLICES - 1))

    def lapse(self, taken_at: int) -> int:
        return (taken_at // self.width + SLICES) * self.width

    def living(self, now: int) -> list[tuple[int, int]]:
        return [(at, held) for at, held in self.leases if held and self.lapse(at) > now]

    def used(self, now: int) -> Fraction:
        return Fraction(sum(held for _, held in self.living(now)))

    def wait(self, now: int, cost: int) -> Fraction:
        return Fraction(
            min(
                self.lapse(at) - now
                for at, _ in self.living(now)
                if self.used(self.lapse(at)) + cost <= self.rule.limit
            )
        )

    def idle(self, now: int) -> Fraction:
        return Fraction(max([self.lapse(at) - now for at, _ in self.living(now)], default=0))

    def take(self, now: int, cost: int) -> None:
        self.leases.append((now, cost))

    def give(self, now: int, cost: int) -> None:
        kept = []
        for at, held in reversed(self.living(now)):
            given = min(cost, held)
            cost -= given
            kept.append((at, held - given))
        self.leases = kept[::-1]

    def release(self, now: int, lease: int, cost: int) -> None:
        kept = []
        for at, held in self.living(now):
            same = lease >= 0 and at // self.width == lease // self.width
            given = min(cost, held) if same else 0
            cost -= given
            kept.append((at, held - given))
        self.leases = kept


def meter_for(rule: Rule) -> Meter:
    match rule.algorithm:
        case "gcra":
            return DrainingMeter(rule)
        case "fixed_window":
            return WindowMeter(rule, 1)
        case "sliding_window":
            return WindowMeter(rule, 2)
        case "concurrency":
            return LeaseMeter(rule)


class LimiterModel:
    """Answers as the limiter does whose table is never too small."""

    def __init__(self) -> None:
        self.now = 0
        self.meters: dict[tuple[Rule, bytes], Meter] = {}

    def see(self, clock: int) -> None:
        """Reads a clock; one that goes back stands still."""
        self.now = max(self.now, min(clock, MAX_CLOCK_NS))

    def meter(self, rule: Rule, key: bytes) -> Meter:
        return self.meters.setdefault((rule, key), meter_for(rule))

    def consume(self, rule: Rule, key: bytes, cost: int, *, take: bool = True) -> Answer:
        meter = self.meter(rule, key)
        allowed = meter.used(self.now) + cost <= rule.burst
        if allowed and take:
            meter.take(self.now, cost)
        retry = 0
        if cost > rule.burst:
            retry = NEVER_NS
        elif not allowed:
            retry = rounded_up_ns(meter.wait(self.now, cost))
        return Answer(
            allowed=allowed,
            limit=rule.limit,
            remaining=math.floor(rule.burst - meter.used(self.now)),
            retry_after_ns=retry,
            reset_after_ns=rounded_up_ns(meter.idle(self.now)),
            lease=self.now,
            index=-1 if allowed else 0,
        )

    def consume_all(self, claims: Sequence[tuple[Rule, bytes, int]]) -> Answer:
        before = deepcopy(self.meters)
        answers = [self.consume(*claim) for claim in claims]
        if all(answer.allowed for answer in answers):
            return min(answers, key=lambda answer: answer.remaining)
        self.meters = before
        refused = []
        for index, (rule, key, _) in enumerate(claims):
            total = sum(c for r, k, c in claims[: index + 1] if (r, k) == (rule, key))
            answer = self.consume(rule, key, total, take=False)
            if not answer.allowed:
                refused.append(replace(answer, index=index))
        return max(refused, key=lambda answer: answer.retry_after_ns)

    def refund(self, rule: Rule, key: bytes, cost: int) -> None:
        self.meter(rule, key).give(self.now, cost)

    def release(self, rule: Rule, key: bytes, lease: int, cost: int) -> None:
        meter = self.meter(rule, key)
        assert isinstance(meter, LeaseMeter)
        meter.release(self.now, lease, cost)

    def reset(self, rule: Rule, key: bytes) -> None:
        self.meters.pop((rule, key), None)
