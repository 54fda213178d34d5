import functools

import pytest

from blrcs.domain.policy import Limit, MethodPolicy, Permission, ResponseCache
from blrcs.interceptors.authorization import authorization_guards
from blrcs.interceptors.factory import PipelineFactory
from blrcs.v1 import limit_pb2
from blrcs_native.access.table import AccessTable
from blrcs_native.calls.method import Method
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.guard import Guard
from blrcs_native.limits.limiter import Limiter
from tests.unit.interceptors.calls import call_of

ACCESS = CurrentAccess(AccessTable([], [], []))
BY_DOMAIN = Permission("limits.consume", "limits/{domain}")


class Servicer:
    async def Consume(self, request, call):
        pass


SERVICER = Servicer()
DIRECT = {SERVICER.Consume: lambda guards: DirectHandler(guards, ["domain"])}


def method_of(*, is_streaming=False):
    return Method(
        "/blrcs.v1.LimitService/Consume",
        client_streaming=is_streaming,
        server_streaming=False,
        parse=None,
        serialize=None,
        input_descriptor=limit_pb2.ConsumeRequest.DESCRIPTOR,
    )


def direct(policy=None, handler=None, *, is_streaming=False, **stages):
    policy = policy or MethodPolicy(BY_DOMAIN)
    method = method_of(is_streaming=is_streaming)
    factory = PipelineFactory(limiter=Limiter(8), direct=DIRECT, **stages)
    guards = authorization_guards(method, policy, ACCESS).body
    return factory.direct_handler(method, policy, handler or SERVICER.Consume, guards)


def test_a_handler_is_found_by_the_method_that_it_answers_beside():
    found = direct()
    assert [guard.stage for guard in found.guards] == ["authorization"]
    assert direct() is not found


@pytest.mark.parametrize(
    "policy",
    [
        MethodPolicy("public"),
        MethodPolicy("authenticated", limits=(Limit("principal", 3),)),
        MethodPolicy(Permission("limits.consume", "limits")),
        MethodPolicy(BY_DOMAIN, shadow=frozenset({"authorization", "validation"})),
    ],
)
def test_what_guards_alone_do_needs_no_python(policy):
    assert direct(policy) is not None


@pytest.mark.parametrize(
    "policy",
    [
        MethodPolicy("public", response_cache=ResponseCache(1)),
        MethodPolicy("public", idempotency_ttl_ns=1),
        MethodPolicy("public", audit="call"),
        MethodPolicy("public", audit="request"),
        MethodPolicy(Permission("limits.consume", "limits/{cost}")),
    ],
)
def test_there_is_none_where_the_policy_asks_for_the_message(policy):
    assert direct(policy) is None


def test_there_is_none_where_others_stand_around_the_handler():
    assert direct(middleware=[lambda _, handler: handler]) is None
    assert direct(guards=[Guard("quota")]) is None
    assert direct(is_streaming=True) is None


def test_nobody_else_who_serves_the_method_is_passed_over():
    assert direct(handler=Servicer().Consume) is None
    assert direct(handler=functools.partial(SERVICER.Consume)) is None

    class Replaced(Servicer):
        __hash__ = None

        async def __call__(self, request, call):
            pass

    assert direct(handler=Replaced().Consume) is None
    assert direct(handler=Replaced()) is None


def test_only_guards_whose_fields_it_shows_fit():
    assert DirectHandler().fits_guards
    assert not DirectHandler([Guard("authorization")]).fits_guards


def test_one_that_answers_nothing_declines():
    assert DirectHandler().answer_bytes(call_of(), b"") is None
