"""What a caller of LimitService sends to get more than a rule admits."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from blrcs.v1 import limit_pb2
from blrcs_native.limits.limiter import NEVER_NS, Rule
from tests.attacks.clocked import LIMITER_CELLS, Clocked
from tests.attacks.limits import CONSUME, Limits
from tests.unit.native.limits.limiter_model import LimiterModel
from tests.varint import varint

S = 1_000_000_000
FLOOD_KEYS = 19_200
CELLS_AT_ONCE = 32
KEY_BYTES = 512
STEPS = 400
START_NS = 1_700_000_000 * S
PERIOD_S = 3
"""A third of a second is no whole number of nanoseconds."""
RULES = {
    name: Rule(name, 7, PERIOD_S * S, identity="", burst=burst)
    for name, burst in (("gcra", 11), ("fixed_window", None), ("sliding_window", None))
}
LARGEST = 1_000_000_000
MAX_COST = 2**32 - 1
domains = itertools.count()


@pytest.fixture
def limits(clocked: Clocked) -> Iterator[Limits]:
    """Each test has a domain, and a time after all others."""
    began_ns = max(clocked.clock(), START_NS) + 1000 * S
    clocked.clock.set(began_ns)
    yield Limits(clocked.world, f"domain-{next(domains)}")
    # Also where a test has ended with the clock put back.
    clocked.clock.set(max(clocked.clock(), began_ns))


@dataclass
class Modelled:
    """The same is asked of the server and of plain arithmetic on fractions."""

    clocked: Clocked
    limits: Limits
    model: LimiterModel

    def _now(self, name: str) -> Rule:
        self.model.see(self.clocked.clock())
        return RULES[name]

    def consume(self, name: str, value: str, cost: int, *, take: bool) -> None:
        rule = self._now(name)
        expected = self.model.consume(rule, value.encode(), cost, take=take)
        found = self.limits.consume((name, value), cost=cost, check_only=not take)
        (status,) = found.statuses
        never = expected.retry_after_ns == NEVER_NS
        assert found.HasField("retry_after") == (not expected.allowed and not never)
        assert (
            found.allowed,
            status.allowed,
            status.remaining,
            status.reset_after.ToNanoseconds(),
            found.retry_after.ToNanoseconds(),
        ) == (
            expected.allowed,
            expected.allowed,
            expected.remaining,
            expected.reset_after_ns,
            0 if never else expected.retry_after_ns,
        )

    def refund(self, name: str, value: str, cost: int) -> None:
        rule = self._now(name)
        self.model.refund(rule, value.encode(), cost)
        found = self.limits.refund((name, value), cost)
        expected = self.model.consume(rule, value.encode(), 0, take=False)
        assert (found.remaining, found.reset_after.ToNanoseconds()) == (
            expected.remaining,
            expected.reset_after_ns,
        )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_admitted_equals_exact_fractions(
    clocked: Clocked, limits: Limits, seed: int
) -> None:
    chance = random.Random(seed)
    for name, rule in RULES.items():
        burst = rule.burst if name == "gcra" else 0
        limits.rule(name, rule.limit, PERIOD_S, burst=burst, algorithm=name)
    modelled = Modelled(clocked, limits, LimiterModel())
    for _ in range(STEPS):
        clocked.clock.advance(chance.choice([0, 0, 1, S // 7, chance.randrange(2 * PERIOD_S * S)]))
        name, value = chance.choice(list(RULES)), chance.choice("xy")
        if chance.random() < 0.1:
            modelled.refund(name, value, chance.randrange(4))
        else:
            cost = chance.choice([0, 1, 1, 1, 2, 3, 7, 11, 12])
            modelled.consume(name, value, cost, take=chance.random() < 0.9)


@pytest.mark.parametrize("algorithm", RULES)
def test_a_clock_that_goes_back_grants_nothing(
    clocked: Clocked, limits: Limits, algorithm: str
) -> None:
    cell = ("key", "x")
    limits.rule("key", 5, PERIOD_S, algorithm=algorithm)
    now_ns = clocked.clock()
    assert limits.consume(cell, cost=5).allowed
    for back_ns in (1, S, 1000 * S, now_ns, 2 * now_ns):
        clocked.clock.set(now_ns - back_ns)
        assert not limits.consume(cell).allowed
        assert limits.remaining(cell) == [0]
    clocked.clock.set(now_ns)
    assert not limits.consume(cell).allowed
    clocked.clock.set(now_ns + 2 * PERIOD_S * S)
    assert limits.consume(cell, cost=5).allowed


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (0, 0),
        (MAX_COST, MAX_COST),
        (2**64 - 1, MAX_COST),  # -1
        (2**64 - 2**31, 2**31),
        (2**63, 0),
        (2**32, 0),
        (2**32 + 3, 3),
        (2**64 - 2**32 + 4, 4),
    ],
)
def test_a_cost_is_a_number_of_32_bits_whatever_is_sent(
    clocked: Clocked, limits: Limits, sent: int, meant: int
) -> None:
    """As protobuf says; what none can have is refused for ever, and takes nothing."""
    limits.rule("key", 10)
    cell = ("key", "x")
    octets = limits.request(cell).SerializeToString() + b"\x18" + varint(sent)
    code, _, _, reply = clocked.world.call(CONSUME, octets, clocked.world.admin)
    assert code is grpc.StatusCode.OK
    found = limit_pb2.ConsumeResponse.FromString(reply)
    assert found.allowed == (meant <= 10)
    assert not found.HasField("retry_after")
    assert limits.remaining(cell) == [10 - meant if found.allowed else 10]


@pytest.mark.parametrize(
    "octets", [b"\x18" + b"\xff" * 10 + b"\x01", b"\x18\xff", b"\x1a\x01\x05x"], ids=bytes.hex
)
def test_a_cost_that_is_no_number_takes_nothing(
    clocked: Clocked, limits: Limits, octets: bytes
) -> None:
    limits.rule("key", 10)
    sent = limits.request(("key", "x")).SerializeToString() + octets
    code, _, _, _ = clocked.world.call(CONSUME, sent, clocked.world.admin)
    assert code is not grpc.StatusCode.OK
    assert limits.remaining(("key", "x")) == [10]


@pytest.mark.parametrize("algorithm", RULES)
def test_no_sum_of_costs_overflows(limits: Limits, algorithm: str) -> None:
    cell = ("key", "x")
    limits.rule("key", LARGEST, algorithm=algorithm)
    for cells, cost in (([cell] * 32, MAX_COST), ([cell] * 2, LARGEST), ([cell] * 32, 2**31)):
        assert not limits.consume(*cells, cost=cost).allowed
        assert limits.remaining(cell) == [LARGEST]
    assert limits.consume(cell, cost=LARGEST).allowed
    assert not limits.consume(cell).allowed
    # Nobody gets back more than was taken.
    assert limits.refund(cell, MAX_COST).remaining == LARGEST
    assert limits.consume(cell, cost=LARGEST).allowed
    assert limits.remaining(cell) == [0]


def resident_bytes(process_id: int) -> int:
    fields: dict[str, Any] = dict(
        line.split(":", 1) for line in Path(f"/proc/{process_id}/status").read_text().splitlines()
    )
    return int(fields["VmRSS"].split()[0]) * 1024


def flood(limits: Limits, first: int) -> Iterator[int]:
    """Takes all of FLOOD_KEYS new keys, and says how many each request got."""
    for start in range(first, first + FLOOD_KEYS, CELLS_AT_ONCE):
        numbers = range(start, start + CELLS_AT_ONCE)
        cells = [("flood", str(number).ljust(KEY_BYTES, "x")) for number in numbers]
        yield sum(each.allowed for each in limits.consume(*cells).statuses)


def test_a_flood_of_new_keys_is_bounded_and_frees_nobody(clocked: Clocked, limits: Limits) -> None:
    limits.rule("victim", 5)
    limits.rule("flood", 1, 3600)
    assert limits.consume(("victim", "x"), cost=5).allowed
    assert LIMITER_CELLS * 16 < FLOOD_KEYS, "the table has room for few of them"
    # The first time the process takes what it needs to have so many requests under way.
    assert set(flood(limits, 0)) == {CELLS_AT_ONCE}
    process_id = clocked.world.server.process_id
    before = resident_bytes(process_id)
    assert set(flood(limits, FLOOD_KEYS)) == {CELLS_AT_ONCE}
    assert resident_bytes(process_id) - before < FLOOD_KEYS * KEY_BYTES // 2
    assert not limits.consume(("victim", "x")).allowed
    assert limits.remaining(("victim", "x")) == [0]
