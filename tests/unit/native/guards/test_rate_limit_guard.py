"""Limits as guards: what is counted apart, what is given back, what is released."""

from typing import Any

import pytest

from blrcs.transport.in_process import InProcessStream
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.rate_limit import RateLimitGuard
from blrcs_native.limits.limiter import Limiter, Rule
from tests.unit.native.tokens.token_factory import FakeClock

SECOND_NS = 1_000_000_000
METHOD = Method(
    "/a.B/C", client_streaming=False, server_streaming=False, parse=None, serialize=None
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> Limiter:
    return Limiter(1024, clock=clock)


def rule(requests: int, identity: str, algorithm: Any = "gcra") -> Rule:
    return Rule(algorithm, requests, SECOND_NS, identity=identity)


def reject(index: int, wait_ms: int | None) -> Rejection:
    return Rejection(8, "rate_limit", "RATE_LIMITED", f"{index} {wait_ms}")


def call(address: str = "10.0.0.1", principal: str | None = None) -> Call:
    made = Call(METHOD, InProcessStream(None), (), address)
    if principal is not None:
        made.principal = Principal(principal)
    return made


def admitted(guard: RateLimitGuard, count: int, **of: Any) -> int:
    return sum(guard.check(call(**of)) is None for _ in range(count))


def test_addresses_are_counted_apart(limiter: Limiter) -> None:
    guard = RateLimitGuard(limiter, [(rule(3, "a"), "address")], reject)
    assert admitted(guard, 5, address="10.0.0.1") == 3
    assert admitted(guard, 5, address="10.0.0.2") == 3


def test_principals_are_counted_apart_wherever_they_call_from(limiter: Limiter) -> None:
    guard = RateLimitGuard(limiter, [(rule(3, "a"), "principal")], reject)
    assert admitted(guard, 2, address="10.0.0.1", principal="users/alice") == 2
    assert admitted(guard, 2, address="10.0.0.2", principal="users/alice") == 1
    assert admitted(guard, 5, address="10.0.0.1", principal="users/bob") == 3


def test_without_a_principal_the_address_counts(limiter: Limiter) -> None:
    guard = RateLimitGuard(limiter, [(rule(3, "a"), "principal")], reject)
    assert admitted(guard, 5, address="10.0.0.1") == 3
    assert admitted(guard, 5, address="10.0.0.2") == 3


def test_a_limit_of_the_method_counts_all_together(limiter: Limiter) -> None:
    guard = RateLimitGuard(limiter, [(rule(3, "a"), "method")], reject)
    assert admitted(guard, 2, address="10.0.0.1") == 2
    assert admitted(guard, 2, address="10.0.0.2", principal="users/bob") == 1


def test_stacked_limits_take_all_or_nothing(limiter: Limiter) -> None:
    loose, tight = rule(100, "loose"), rule(1, "tight")
    guard = RateLimitGuard(limiter, [(loose, "method"), (tight, "address")], reject)
    assert admitted(guard, 10, address="10.0.0.1") == 1
    assert limiter.peek(loose, b"").remaining == 99


def test_the_rejection_names_the_limit_and_the_wait(limiter: Limiter, clock: FakeClock) -> None:
    guard = RateLimitGuard(
        limiter, [(rule(100, "loose"), "method"), (rule(1, "tight"), "address")], reject
    )
    assert guard.check(call()) is None
    refused = guard.check(call())
    assert refused is not None
    assert refused.message == "1 1000"
    clock.now_ns += SECOND_NS // 2
    assert guard.check(call()).message == "1 500"  # type: ignore[union-attr]


def test_waits_are_rounded_up_to_two_digits_so_that_rejections_are_shared(
    limiter: Limiter, clock: FakeClock
) -> None:
    guard = RateLimitGuard(limiter, [(rule(1, "a"), "address")], reject)
    assert guard.check(call()) is None
    clock.now_ns += 1
    first = guard.check(call())
    clock.now_ns += 5_000_000
    assert first is guard.check(call())
    assert first.message == "0 1000"  # type: ignore[union-attr]


@pytest.mark.parametrize(("refundable", "left"), [(True, 10), (False, 9)])
def test_a_refusal_by_the_second_gives_back_what_the_first_took(
    limiter: Limiter, refundable: bool, left: int
) -> None:
    early = rule(10, "early")
    first = RateLimitGuard(limiter, [(early, "address")], reject, refundable=refundable)
    second = RateLimitGuard(limiter, [(rule(1, "late"), "principal")], reject)
    assert second.check(call(principal="users/alice")) is None
    refused = call(principal="users/alice")
    assert first.check(refused) is None
    assert limiter.peek(early, "10.0.0.1").remaining == 9
    assert second.check(refused) is not None
    assert limiter.peek(early, "10.0.0.1").remaining == left


def test_a_refusal_by_another_guard_gives_nothing_back(limiter: Limiter) -> None:
    early = rule(10, "early")
    first = RateLimitGuard(limiter, [(early, "address")], reject, refundable=True)
    refused = call()
    assert first.check(refused) is None
    assert limiter.peek(early, "10.0.0.1").remaining == 9


async def test_places_are_released_when_the_call_ends(limiter: Limiter) -> None:
    running = rule(1, "running", "concurrency")
    guard = RateLimitGuard(limiter, [(running, "method")], reject)
    inside: list[bool] = []

    async def handler(request: bytes, call: Call) -> bytes:
        inside.append(limiter.peek(running, b"").allowed)
        return request

    pipeline = Pipeline(METHOD, handler, guards=[guard])
    for _ in range(3):
        assert await pipeline.serve(call(), b"x") == b"x"
    assert inside == [False, False, False]
    assert limiter.peek(running, b"").remaining == 1


async def test_places_are_released_when_a_later_guard_refuses(limiter: Limiter) -> None:
    running = rule(1, "running", "concurrency")
    guards = [
        RateLimitGuard(limiter, [(running, "method")], reject, refundable=True),
        RateLimitGuard(limiter, [(rule(1, "late"), "address")], reject),
    ]

    async def handler(request: bytes, call: Call) -> bytes:
        return request

    pipeline = Pipeline(METHOD, handler, guards=guards)
    assert await pipeline.serve(call(), b"x") == b"x"
    for _ in range(3):
        assert await pipeline.serve(call(), b"x") is None
    assert limiter.peek(running, b"").remaining == 1


@pytest.mark.parametrize("count", [0, 9])
def test_a_guard_has_one_to_eight_limits(limiter: Limiter, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 8"):
        RateLimitGuard(limiter, [(rule(1, str(n)), "address") for n in range(count)], reject)


def test_what_is_counted_is_one_of_three(limiter: Limiter) -> None:
    with pytest.raises(KeyError):
        RateLimitGuard(limiter, [(rule(1, "a"), "colour")], reject)  # type: ignore[list-item]
