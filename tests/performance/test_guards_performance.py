"""What the guards of a call cost together: admitting, refusing, and around a handler."""

import pytest
from google.protobuf.empty_pb2 import Empty

from blrcs.domain.policy import Limit, MethodPolicy, Permission
from blrcs.interceptors.factory import PipelineFactory
from blrcs.transport.in_process import InProcessStream
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from tests.unit.native.tokens.token_factory import make_token, make_verifier

MANY = 1_000_000_000
HOUR_NS = 3600 * 1_000_000_000
SUBJECT = "users/alice"
PERMISSION = Permission("orders.list", "tenants/acme/orders")
WIDE = (Limit("address", MANY), Limit("principal", MANY))
NARROW = (Limit("address", 1, HOUR_NS),)
STREAM = InProcessStream(None)


def make_pipeline(
    *, limits: tuple[Limit, ...] = WIDE, member: str = SUBJECT, remembers: bool = True
) -> Pipeline:
    async def answer(request: bytes, call: Call) -> bytes:
        return request

    bindings = [BindingSpec("bindings/0", "roles/reader", [member], "tenants/acme")]
    factory = PipelineFactory(
        limiter=Limiter(1024),
        verifier=make_verifier("EdDSA", cache_entries=8 if remembers else 0),
        access=CurrentAccess(
            AccessTable([RoleSpec("roles/reader", ["orders.list"])], [], bindings)
        ),
    )
    method = Method(
        "/a.B/C",
        client_streaming=False,
        server_streaming=False,
        parse=None,
        serialize=None,
        policy=MethodPolicy(PERMISSION, limits=limits),
        input_descriptor=Empty.DESCRIPTOR,
    )
    return factory.bind(method, answer)


def make_call(pipeline: Pipeline, token: str | None) -> Call:
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    return Call(pipeline.method, STREAM, metadata, "10.0.0.1")


def token() -> str:
    return make_token("EdDSA", sub=SUBJECT)


def admit(benchmark, pipeline: Pipeline, text: str | None) -> str:
    """Asks the guards anew at every round; returns the last refusal's reason, or nothing."""

    def once() -> object:
        return pipeline.admit(make_call(pipeline, text))

    return getattr(benchmark(once), "reason", "")


@pytest.mark.parametrize("remembers", [True, False], ids=["seen before", "first sight"])
def test_all_guards_admit(benchmark, remembers):
    pipeline = make_pipeline(remembers=remembers)
    assert len(pipeline.head_guards) == 4
    assert len(pipeline.body_guards) == 1  # for bindings whose conditions read the message
    assert admit(benchmark, pipeline, token()) == ""


def test_refused_without_a_token(benchmark):
    assert admit(benchmark, make_pipeline(), None) == "TOKEN_MISSING"


def test_refused_for_a_forged_token(benchmark):
    forged = make_token("EdDSA", sub=SUBJECT, number=1)
    assert admit(benchmark, make_pipeline(), forged) == "TOKEN_SIGNATURE_INVALID"


def test_refused_without_the_permission(benchmark):
    assert admit(benchmark, make_pipeline(member="users/bob"), token()) == "PERMISSION_DENIED"


def test_refused_over_the_limit(benchmark):
    pipeline = make_pipeline(limits=NARROW)
    assert pipeline.admit(make_call(pipeline, token())) is None
    assert admit(benchmark, pipeline, token()) == "RATE_LIMITED"


def test_served(benchmark):
    pipeline = make_pipeline()
    text = token()

    def once() -> object:
        try:
            pipeline.serve(make_call(pipeline, text), b"request").send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("the handler does not wait")

    assert benchmark(once) == b"request"
