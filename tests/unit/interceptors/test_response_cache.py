import pytest

from blrcs.domain.errors import NotFoundError
from blrcs.domain.policy import MethodPolicy, ResponseCache
from blrcs.interceptors import response_cache
from blrcs.interceptors.response_cache import cache_responses
from tests.unit.interceptors.calls import Handler, Request, call_of, method_of

HOUR_NS = 3600 * 10**9
OWN = MethodPolicy("authenticated", response_cache=ResponseCache(HOUR_NS))
SHARED = MethodPolicy("authenticated", response_cache=ResponseCache(HOUR_NS, shared=True))


def cached(handler, policy=OWN):
    return cache_responses(method_of(policy), policy, handler)


async def numbers(answer, *calls):
    """Which run of the handler each call was answered by."""
    return [int((await answer(Request(name=name), call)).display_name) for name, call in calls]


async def test_an_equal_request_gets_the_last_reply():
    handler = Handler()
    calls = [("a", call_of()), ("a", call_of()), ("b", call_of()), ("a", call_of())]
    assert await numbers(cached(handler), *calls) == [1, 1, 2, 1]
    assert len(handler.requests) == 2


async def test_principals_do_not_share_replies():
    calls = [("a", call_of("users/alice")), ("a", call_of("users/bob")), ("a", call_of(None))]
    assert await numbers(cached(Handler()), *calls, *calls) == [1, 2, 3, 1, 2, 3]


async def test_principals_share_replies_where_the_policy_says_so():
    calls = [("a", call_of("users/alice")), ("a", call_of("users/bob")), ("a", call_of(None))]
    assert await numbers(cached(Handler(), SHARED), *calls) == [1, 1, 1]


async def test_a_reply_is_kept_for_as_long_as_the_policy_says():
    policy = MethodPolicy("public", response_cache=ResponseCache(1))
    assert await numbers(cached(Handler(), policy), ("a", call_of()), ("a", call_of())) == [1, 2]


async def test_an_error_is_not_kept():
    async def fail_first(call, number):
        if number == 1:
            raise NotFoundError("users/a")

    answer = cached(Handler(fail_first))
    with pytest.raises(NotFoundError):
        await answer(Request(name="a"), call_of())
    assert await numbers(answer, ("a", call_of()), ("a", call_of())) == [2, 2]


async def test_a_status_that_the_handler_sets_is_not_kept():
    async def set_first(call, number):
        if number == 1:
            call.set_code(5)

    answer = cached(Handler(set_first))
    assert await numbers(answer, ("a", call_of()), ("a", call_of()), ("a", call_of())) == [1, 2, 2]


async def test_a_reply_with_trailing_metadata_is_not_kept():
    async def trail(call, number):
        call.set_trailing_metadata((("x", "1"),))

    assert await numbers(cached(Handler(trail)), ("a", call_of()), ("a", call_of())) == [1, 2]


async def test_a_reply_too_large_to_keep_is_given_all_the_same(monkeypatch):
    monkeypatch.setattr(response_cache, "MAX_BYTES", 10)
    assert await numbers(cached(Handler()), ("a", call_of()), ("a", call_of())) == [1, 2]


async def test_a_method_without_a_response_cache_is_left_alone():
    handler = Handler()
    assert cached(handler, MethodPolicy("public")) is handler


@pytest.mark.parametrize("method", [{"is_streaming": True}, {"is_described": False}])
async def test_a_method_whose_replies_cannot_be_kept_is_refused(method):
    with pytest.raises(ValueError, match=r"/tests\.Service/Get"):
        cache_responses(method_of(OWN, **method), OWN, Handler())
