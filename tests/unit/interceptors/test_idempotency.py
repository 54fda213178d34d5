import asyncio

import pytest

from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from blrcs.domain.policy import MethodPolicy
from blrcs.interceptors import idempotency
from blrcs.interceptors.idempotency import HEADER, repeat_replies
from tests.unit.interceptors.calls import Handler, Request, call_of, method_of

HOUR_NS = 3600 * 10**9
POLICY = MethodPolicy("authenticated", idempotency_ttl_ns=HOUR_NS)


def once(handler, policy=POLICY):
    return repeat_replies(method_of(policy), policy, handler)


def keyed(key="k", principal="users/alice"):
    return call_of(principal, (HEADER, key))


async def number(answer, call, name="a"):
    """Which run of the handler a call was answered by."""
    return int((await answer(Request(name=name), call)).display_name)


class Gate:
    """Work that waits until it is told to end; ``outcome`` is raised by the first run."""

    def __init__(self, outcome=None):
        self.opened = asyncio.Event()
        self.outcome = outcome

    async def __call__(self, call, number):
        await self.opened.wait()
        if self.outcome is not None and number == 1:
            raise self.outcome


async def turn():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_repeated_call_gets_the_first_ones_reply():
    handler = Handler()
    answer = once(handler)
    assert [await number(answer, keyed()) for _ in range(3)] == [1, 1, 1]
    assert len(handler.requests) == 1


async def test_a_call_without_a_key_always_runs():
    answer = once(Handler())
    assert [await number(answer, call_of()) for _ in range(2)] == [1, 2]


async def test_keys_and_principals_are_apart():
    answer = once(Handler())
    calls = [("k", "users/alice"), ("k", "users/bob"), ("l", "users/alice"), ("k", None)]
    assert [await number(answer, keyed(*each)) for each in calls * 2] == [1, 2, 3, 4] * 2


async def test_the_key_of_another_principal_says_nothing_of_its_request():
    answer = once(Handler())
    await number(answer, keyed(principal="users/alice"), "a")
    assert await number(answer, keyed(principal="users/bob"), "b") == 2


async def test_calls_at_the_same_time_run_once():
    gate = Gate()
    handler = Handler(gate)
    answer = once(handler)
    calls = [asyncio.ensure_future(number(answer, keyed())) for _ in range(5)]
    await turn()
    assert not any(call.done() for call in calls)
    gate.opened.set()
    assert await asyncio.gather(*calls) == [1] * 5
    assert len(handler.requests) == 1


async def test_another_request_with_the_same_key_is_refused_while_and_after_the_first_runs():
    gate = Gate()
    answer = once(Handler(gate))
    first = asyncio.ensure_future(number(answer, keyed(), "a"))
    await turn()
    with pytest.raises(FailedPreconditionError) as refused:
        await number(answer, keyed(), "b")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    gate.opened.set()
    assert await first == 1
    with pytest.raises(FailedPreconditionError):
        await number(answer, keyed(), "b")


async def test_a_failure_is_shared_by_those_who_wait_and_not_remembered():
    gate = Gate(NotFoundError("users/a"))
    handler = Handler(gate)
    answer = once(handler)
    calls = [asyncio.ensure_future(number(answer, keyed())) for _ in range(3)]
    await turn()
    gate.opened.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in outcomes] == [NotFoundError] * 3
    assert len(handler.requests) == 1
    assert await number(answer, keyed(), "b") == 2, "even another request may use the key"


async def test_who_waits_for_a_call_that_is_cancelled_runs_anew_once():
    gate = Gate()
    handler = Handler(gate)
    answer = once(handler)
    first = asyncio.ensure_future(number(answer, keyed()))
    await turn()
    waiting = [asyncio.ensure_future(number(answer, keyed())) for _ in range(3)]
    await turn()
    first.cancel()
    await turn()
    gate.opened.set()
    assert await asyncio.gather(*waiting) == [2, 2, 2]
    assert first.cancelled()


async def test_who_waits_may_go_away_without_ending_the_call():
    gate = Gate()
    answer = once(Handler(gate))
    first, second, third = (asyncio.ensure_future(number(answer, keyed())) for _ in range(3))
    await turn()
    second.cancel()
    await turn()
    gate.opened.set()
    assert await asyncio.gather(first, third) == [1, 1]


async def test_a_status_that_the_handler_sets_is_not_remembered():
    async def set_first(call, number):
        if number == 1:
            call.set_code(5)

    answer = once(Handler(set_first))
    assert [await number(answer, keyed()) for _ in range(3)] == [1, 2, 2]


async def test_the_trailing_metadata_is_repeated_with_the_reply():
    async def trail(call, number):
        call.set_trailing_metadata((("x", "1"),))

    answer = once(Handler(trail))
    await number(answer, keyed())
    call = keyed()
    await number(answer, call)
    assert call.trailing_metadata() == (("x", "1"),)


async def test_a_reply_is_kept_for_as_long_as_the_policy_says():
    answer = once(Handler(), MethodPolicy("public", idempotency_ttl_ns=1))
    assert [await number(answer, keyed()) for _ in range(2)] == [1, 2]


async def test_a_running_call_is_not_forgotten_however_many_there_are(monkeypatch):
    monkeypatch.setattr(idempotency, "MAX_ENTRIES", 1)
    gate = Gate()
    handler = Handler(gate)
    answer = once(handler, MethodPolicy("public", idempotency_ttl_ns=1))
    calls = [asyncio.ensure_future(number(answer, keyed(f"k{n}"))) for n in (0, 1, 2, 0, 1, 2)]
    await turn()
    gate.opened.set()
    assert await asyncio.gather(*calls) == [1, 2, 3] * 2


@pytest.mark.parametrize("key", ["", "x" * 256, b"bytes"])
async def test_a_key_out_of_bounds_is_invalid(key):
    handler = Handler()
    with pytest.raises(InvalidArgumentError):
        await number(once(handler), keyed(key))
    assert handler.requests == []


async def test_the_longest_key_is_valid():
    assert await number(once(Handler()), keyed("x" * 255)) == 1


async def test_a_method_without_idempotency_is_left_alone():
    handler = Handler()
    assert once(handler, MethodPolicy("public")) is handler


@pytest.mark.parametrize("method", [{"is_streaming": True}, {"is_described": False}])
async def test_a_method_that_cannot_be_repeated_is_refused(method):
    with pytest.raises(ValueError, match=r"/tests\.Service/Get"):
        repeat_replies(method_of(POLICY, **method), POLICY, Handler())
