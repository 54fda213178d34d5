"""A method's policy as guards, from metadata to verdict."""

from dataclasses import replace
from typing import Any

import jwt
import pytest
from google.rpc import error_details_pb2, status_pb2

from blrcs.domain.policy import Limit, MethodPolicy, Permission
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import cache_pb2, user_pb2
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier
from tests.unit.interceptors.test_audit import Sink
from tests.unit.native.tokens.token_factory import NOW_S, FakeClock

SECRET = bytes(range(32))
ISSUER = "tests"
AUDIENCE = "server"
ALICE = {"sub": "users/alice"}


def token(**claims: Any) -> str:
    members = {"iss": ISSUER, "aud": AUDIENCE, "iat": NOW_S, "exp": NOW_S + 60} | ALICE | claims
    return jwt.encode(members, SECRET, "HS256", headers={"typ": "at+jwt", "kid": "k"})


def factory(*bindings: BindingSpec, **changes: Any) -> PipelineFactory:
    clock = FakeClock()
    verifier = TokenVerifier(
        Keyset([VerificationKey.from_secret("k", "HS256", SECRET)]),
        issuers=[ISSUER],
        audiences=[AUDIENCE],
        clock=clock,
    )
    roles = [RoleSpec("roles/reader", ["things.read"])]
    table = AccessTable(roles, [], bindings, clock=clock)
    made = PipelineFactory(
        limiter=Limiter(1024, clock=clock), verifier=verifier, access=CurrentAccess(table)
    )
    return replace(made, **changes)


def binding(resource: str = "", member: str = "users/alice") -> BindingSpec:
    return BindingSpec("bindings/b", "roles/reader", [member], resource)


def method(policy: MethodPolicy | None, message: Any = user_pb2.GetUserRequest) -> Method:
    return Method(
        "/tests.Service/Get",
        client_streaming=False,
        server_streaming=False,
        parse=message.FromString,
        serialize=message.SerializeToString,
        policy=policy,
        input_descriptor=message.DESCRIPTOR,
    )


async def serve(
    policy: MethodPolicy | None,
    made: PipelineFactory,
    request: Any = None,
    metadata: Any = None,
) -> Call:
    async def handler(request: Any, call: Call) -> Any:
        return request

    request = user_pb2.GetUserRequest(name="users/bob") if request is None else request
    pipeline = made.bind(method(policy, type(request)), handler)
    metadata = (("authorization", f"Bearer {token()}"),) if metadata is None else metadata
    call = Call(pipeline.method, InProcessStream(None), metadata, "10.0.0.1")
    await pipeline.serve(call, request.SerializeToString())
    return call


def reason(call: Call) -> str:
    return "" if call.rejection is None else call.rejection.reason


def details(call: Call) -> status_pb2.Status:
    assert call.rejection is not None
    packed = dict(call.rejection.trailers)["grpc-status-details-bin"]
    return status_pb2.Status.FromString(packed)


def detail(call: Call, kind: type[Any]) -> Any:
    for packed in details(call).details:
        if packed.Is(kind.DESCRIPTOR):
            found = kind()
            packed.Unpack(found)
            return found
    raise AssertionError(f"no {kind.__name__}")


READ = MethodPolicy(Permission("things.read", "{name=**}"))


async def test_a_public_method_asks_for_no_token() -> None:
    call = await serve(MethodPolicy("public"), factory(), metadata=())
    assert (reason(call), call.principal) == ("", None)


async def test_a_bad_token_does_not_matter_to_a_public_method() -> None:
    call = await serve(MethodPolicy("public"), factory(), metadata=(("authorization", "x"),))
    assert reason(call) == ""


async def test_a_valid_token_names_the_principal() -> None:
    metadata = (("authorization", f"Bearer {token(sid='s1', jti='t1')}"),)
    call = await serve(MethodPolicy("authenticated"), factory(), metadata=metadata)
    assert reason(call) == ""
    assert call.principal is not None
    assert (call.principal.name, call.principal.session, call.principal.token_id) == (
        "users/alice",
        "s1",
        "t1",
    )


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), "TOKEN_MISSING"),
        ((("authorization", "Basic eDp5"),), "TOKEN_SCHEME_UNKNOWN"),
        ((("authorization", "Bearer"),), "TOKEN_SCHEME_UNKNOWN"),
        ((("authorization", b"Bearer x"),), "TOKEN_SCHEME_UNKNOWN"),
        ((("authorization", "Bearer a"), ("authorization", "Bearer b")), "TOKEN_AMBIGUOUS"),
    ],
)
async def test_a_call_without_one_bearer_token_is_unauthenticated(
    metadata: Any, expected: str
) -> None:
    call = await serve(MethodPolicy("authenticated"), factory(), metadata=metadata)
    assert (reason(call), call.status_code) == (expected, 16)
    assert ("www-authenticate", "Bearer") in call.rejection.trailers  # type: ignore[union-attr]


@pytest.mark.parametrize("shadow", [frozenset(), frozenset({"authentication"})])
async def test_an_unknown_issuer_is_recorded_also_in_shadow(shadow: frozenset[Any]) -> None:
    sink = Sink()
    made = jwt.encode({"iss": "elsewhere"}, SECRET, "HS256", headers={"typ": "id+jwt", "kid": "k"})
    policy = MethodPolicy("authenticated", shadow=shadow)
    metadata = (("authorization", f"Bearer {made}"),)
    await serve(policy, factory(audit=sink), metadata=metadata)
    ((_, _, stage, reason_, in_shadow, _, told),) = sink.folded()
    assert (stage, reason_, in_shadow) == ("authentication", "TOKEN_ISSUER_UNKNOWN", bool(shadow))
    assert told["issuer"] == "elsewhere"


ALGORITHMS = 'algs="ES256 EdDSA"'


@pytest.mark.parametrize("error", ["", "invalid_token"])
@pytest.mark.parametrize(
    ("binding", "takes_proofs", "bearer", "proof"),
    [
        (None, True, True, False),
        ("mtls", True, True, False),
        ("dpop", True, False, True),
        ("any", True, True, True),
        ("any", False, True, False),
    ],
)
async def test_a_challenge_names_each_scheme_that_the_method_takes(
    binding: Any, takes_proofs: bool, bearer: bool, proof: bool, error: str
) -> None:
    """RFC 6750, section 3; RFC 9449, sections 7.1 and 7.2."""
    made = factory(check_proof=(lambda *_: True) if takes_proofs else None)
    told = f'error="{error}", ' if error else ""
    expected = ", ".join(
        [f"Bearer {told}".rstrip(", ")] * bearer + [f"DPoP {told}{ALGORITHMS}"] * proof
    )
    refused = {"TOKEN_EXPIRED": token(exp=NOW_S - 3600), "TOKEN_MALFORMED": "x"}
    if binding is not None:
        refused["TOKEN_UNBOUND"] = token()
    sent = [(f"Bearer {each}",) for each in refused.values()] if error else [(), ("x",), ("x", "y")]
    for each in sent:
        metadata = tuple(("authorization", text) for text in each)
        policy = MethodPolicy("authenticated", token_binding=binding)
        call = await serve(policy, made, metadata=metadata)
        assert call.status_code == 16
        assert call.rejection is not None
        assert dict(call.rejection.trailers)["www-authenticate"] == expected
        assert reason(call) in refused or not error


async def test_the_scheme_is_written_in_any_case() -> None:
    metadata = (("authorization", f"bEARER {token()}"),)
    call = await serve(MethodPolicy("authenticated"), factory(), metadata=metadata)
    assert reason(call) == ""


async def test_an_unknown_issuer_of_another_type_is_told_to_the_log_alone() -> None:
    def shown(issuer: str) -> tuple[tuple[str, str], ...]:
        members = {"iss": issuer, "aud": AUDIENCE, "iat": NOW_S, "exp": NOW_S + 60} | ALICE
        made = jwt.encode(members, SECRET, "HS256", headers={"typ": "id+jwt", "kid": "k"})
        return (("authorization", f"Bearer {made}"),)

    policy = MethodPolicy("authenticated")
    known = await serve(policy, factory(), metadata=shown(ISSUER))
    unknown = await serve(policy, factory(), metadata=shown(f"{ISSUER}/"))
    assert (reason(known), reason(unknown)) == ("TOKEN_TYPE_UNACCEPTED", "TOKEN_ISSUER_UNKNOWN")
    assert known.rejection is not None
    assert unknown.rejection is not None
    assert unknown.rejection.message == known.rejection.message
    assert unknown.rejection.trailers == known.rejection.trailers


@pytest.mark.parametrize("claims", [{"exp": NOW_S - 3600}, {"aud": "other"}, {"iss": "other"}])
async def test_a_refused_token_is_unauthenticated_with_its_reason(claims: Any) -> None:
    metadata = (("authorization", f"Bearer {token(**claims)}"),)
    call = await serve(MethodPolicy("authenticated"), factory(), metadata=metadata)
    assert call.status_code == 16
    assert reason(call).startswith("TOKEN_")
    assert detail(call, error_details_pb2.ErrorInfo).reason == reason(call)


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_password_change_comes_first(allowed: bool) -> None:
    policy = MethodPolicy("authenticated", allow_password_change_required=allowed)
    metadata = (("authorization", f"Bearer {token(pwc=True)}"),)
    call = await serve(policy, factory(), metadata=metadata)
    assert reason(call) == ("" if allowed else "PASSWORD_CHANGE_REQUIRED")


@pytest.mark.parametrize(
    ("bindings", "name", "expected"),
    [
        ([], "users/bob", "PERMISSION_DENIED"),
        ([binding()], "users/bob", ""),
        ([binding("users/bob")], "users/bob", ""),
        ([binding("users/bob")], "users/bobby", "PERMISSION_DENIED"),
        ([binding("users")], "users/bob", ""),
        ([binding(member="users/carol")], "users/bob", "PERMISSION_DENIED"),
    ],
)
async def test_the_resource_that_the_request_names_decides(
    bindings: list[BindingSpec], name: str, expected: str
) -> None:
    call = await serve(READ, factory(*bindings), user_pb2.GetUserRequest(name=name))
    assert reason(call) == expected


async def test_who_holds_the_permission_nowhere_is_refused_unparsed() -> None:
    async def handler(request: Any, call: Call) -> Any:
        return request

    pipeline = factory(binding(member="users/carol")).bind(method(READ), handler)
    metadata = (("authorization", f"Bearer {token()}"),)
    call = Call(pipeline.method, InProcessStream(None), metadata, "10.0.0.1")
    await pipeline.serve(call, b"\xff not a message")
    assert reason(call) == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("users/alice", ""),
        ("users/alice/sessions/1", ""),
        ("users/alicex", "PERMISSION_DENIED"),
        ("users/bob", "PERMISSION_DENIED"),
        ("users", "PERMISSION_DENIED"),
    ],
)
async def test_an_owner_needs_no_permission(name: str, expected: str) -> None:
    policy = MethodPolicy(Permission("things.read", "{name=**}", or_owner=True))
    call = await serve(policy, factory(), user_pb2.GetUserRequest(name=name))
    # Validation comes after authorization; names that are no user's fail it.
    assert (reason(call) == "PERMISSION_DENIED") == (expected == "PERMISSION_DENIED")


async def test_a_constant_resource_is_decided_by_metadata() -> None:
    policy = MethodPolicy(Permission("things.read", "users"))
    assert reason(await serve(policy, factory(binding("users")))) == ""
    assert reason(await serve(policy, factory(binding("users/bob")))) == "PERMISSION_DENIED"


async def test_an_invalid_request_names_every_wrong_field() -> None:
    request = cache_pb2.SetRequest(namespace="NOT OK", key="", value=b"")
    call = await serve(MethodPolicy("public"), factory(), request)
    assert (reason(call), call.status_code) == ("REQUEST_INVALID", 3)
    fields = [each.field for each in detail(call, error_details_pb2.BadRequest).field_violations]
    assert sorted(fields) == ["key", "namespace"]


async def test_a_limit_refuses_with_retry_info_and_quota() -> None:
    made = factory()
    policy = MethodPolicy("public", limits=(Limit("address", 1),))
    pipeline = made.bind(method(policy), echo)
    calls = []
    for _ in range(2):
        call = Call(pipeline.method, InProcessStream(None), (), "10.0.0.1")
        await pipeline.serve(call, user_pb2.GetUserRequest(name="users/bob").SerializeToString())
        calls.append(call)
    assert [reason(call) for call in calls] == ["", "RATE_LIMITED"]
    assert detail(calls[1], error_details_pb2.RetryInfo).retry_delay.ToMilliseconds() == 1000
    assert detail(calls[1], error_details_pb2.QuotaFailure).violations[0].subject == "address"
    trailers = dict(calls[1].rejection.trailers)  # type: ignore[union-attr]
    assert trailers["ratelimit-limit"] == "1"
    assert trailers["ratelimit-remaining"] == "0"
    assert trailers["ratelimit-reset"] == "1"
    assert trailers["grpc-retry-pushback-ms"] == "1000"


async def test_a_flood_of_bad_tokens_uses_the_address_limit_up() -> None:
    made = factory()
    policy = MethodPolicy("authenticated", limits=(Limit("address", 2),))
    pipeline = made.bind(method(policy), echo)
    reasons = []
    for _ in range(3):
        call = Call(pipeline.method, InProcessStream(None), (), "10.0.0.1")
        await pipeline.serve(call, b"")
        reasons.append(reason(call))
    assert reasons == ["TOKEN_MISSING", "TOKEN_MISSING", "RATE_LIMITED"]


@pytest.mark.parametrize("stage", ["rate_limit", "authentication", "authorization", "validation"])
async def test_each_guard_can_be_put_in_shadow(stage: Any) -> None:
    policy = MethodPolicy(
        Permission("things.read", "{name=**}"),
        limits=(Limit("address", 1),),
        shadow=frozenset({"rate_limit", "authentication", "authorization", "validation"}),
    )
    made = factory()
    await serve(policy, made, metadata=())
    call = await serve(policy, made, user_pb2.GetUserRequest(name="wrong"), metadata=())
    assert reason(call) == ""
    assert stage in {rejection.stage for rejection in call.shadowed or ()}


async def test_a_method_without_a_policy_cannot_be_bound() -> None:
    with pytest.raises(PolicyError, match="states no policy"):
        await serve(None, factory())


async def test_a_template_must_fit_the_request() -> None:
    policy = MethodPolicy(Permission("things.read", "things/{colour}"))
    with pytest.raises(PolicyError, match="colour"):
        await serve(policy, factory())


@pytest.mark.parametrize("access", ["authenticated", Permission("things.read")])
async def test_a_method_that_asks_for_a_token_needs_a_verifier(access: Any) -> None:
    with pytest.raises(PolicyError, match="no verifier"):
        await serve(MethodPolicy(access), factory(verifier=None))


async def test_a_method_that_asks_for_a_permission_needs_an_access_table() -> None:
    with pytest.raises(PolicyError, match="no access table"):
        await serve(READ, factory(access=None))


@pytest.mark.parametrize(
    "limit",
    [
        Limit("address", 1, burst=5, algorithm="fixed_window"),
        Limit("address", 1, period_ns=2**63),
        Limit("principal", -1),
    ],
)
async def test_a_limit_that_cannot_be_carried_out_is_a_policy_error(limit: Limit) -> None:
    with pytest.raises(PolicyError, match=r"/tests\.Service/Get"):
        await serve(MethodPolicy("public", limits=(limit,)), factory())


async def echo(request: Any, call: Call) -> Any:
    return request


async def test_a_large_invalid_request_is_told_of_one_field() -> None:
    request = cache_pb2.BatchGetRequest(namespace="NOT OK", keys=[""] * 5000)
    call = await serve(MethodPolicy("public"), factory(), request)
    assert reason(call) == "REQUEST_INVALID"
    assert len(detail(call, error_details_pb2.BadRequest).field_violations) == 1
