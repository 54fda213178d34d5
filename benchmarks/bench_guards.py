"""The guards of one call, as the server binds them, without a network and without protobuf work.

The method takes a token (EdDSA), a permission on a resource that its policy names outright, and has
limits by address and by principal; its request has no rules to validate, so that no guard is bound
for them. What validation costs where there are rules is protovalidate's, and stands alone.

Every subject makes a new Call, as a transport does, and that is part of its time. The token is cut
out of the header anew at every call, so that no hash of it is known.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.domain.policy import Limit, MethodPolicy, Permission
from blrcs.interceptors.factory import PipelineFactory
from blrcs.interceptors.rejection_metrics import RejectionMetrics
from blrcs.interceptors.validation import validation_guards
from blrcs.monitoring.logging import configure_logging
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import auth_pb2
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call, Principal
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.guard import Guard
from blrcs_native.limits.limiter import Limiter
from blrcs_native.monitoring.call_metrics import CallMetrics
from blrcs_native.monitoring.metrics import Counter, MetricsBlock
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier

ISSUER = "https://id.example"
AUDIENCE = "orders"
ALICE = "users/alice"
MALLORY = "users/mallory"
ADDRESS = "10.0.0.1"
NAME = "/orders.v1.OrderService/ListOrders"
POLICY = MethodPolicy(
    Permission("orders.list", "tenants/acme/orders"),
    limits=(Limit("address", 1_000_000_000), Limit("principal", 1_000_000_000)),
)
BINDINGS = 1_000
ROLES = 20
LIMITER_CELLS = 65_536
METRICS_CELLS = 16_384
NS_PER_US = 1_000

PRIVATE_KEY = Ed25519PrivateKey.generate()

Metadata = Sequence[tuple[str, str | bytes]]


def metadata_with(token: str) -> Metadata:
    """Metadata as an ordinary client sends it."""
    return (
        ("user-agent", "grpc-go/1.71.0"),
        ("authorization", f"Bearer {token}"),
        ("x-request-id", "5f0c1f1e-6d0a-4a3b-9e55-0c4f2b1c7a11"),
    )


def token_of(subject: str) -> str:
    now_s = int(time.time())
    claims = {"iss": ISSUER, "sub": subject, "aud": AUDIENCE, "iat": now_s, "exp": now_s + 86_400}
    return jwt.encode(claims, PRIVATE_KEY, "EdDSA", headers={"kid": "k1", "typ": "at+jwt"})


def access() -> CurrentAccess:
    """A thousand bindings; Alice's grants the permission two levels above the resource."""
    roles = [RoleSpec(f"roles/{n}", [f"service{n}.list", "orders.list"]) for n in range(ROLES)]
    bindings = [BindingSpec("bindings/alice", "roles/7", [ALICE], "tenants/acme")]
    bindings += [
        BindingSpec(f"bindings/{n}", f"roles/{n % ROLES}", [f"users/u{n}"], f"tenants/t{n % 100}")
        for n in range(BINDINGS - 1)
    ]
    return CurrentAccess(AccessTable(roles, [], bindings))


def factory(*, cache_entries: int = 8192) -> PipelineFactory:
    block = MetricsBlock(METRICS_CELLS)
    rejections = Counter(block, "rejections_total", "Refused calls.", RejectionMetrics.LABELS)
    return PipelineFactory(
        limiter=Limiter(LIMITER_CELLS),
        verifier=TokenVerifier(
            Keyset([VerificationKey("k1", "EdDSA", PRIVATE_KEY.public_key())]),
            issuers=[ISSUER],
            audiences=[AUDIENCE],
            cache_entries=cache_entries,
        ),
        access=access(),
        observers=(RejectionMetrics(rejections),),
    )


async def answer(request: bytes, call: Call) -> bytes:
    del call
    return request


def method_of(policy: MethodPolicy, request_type: type[Message]) -> Method:
    return Method(
        NAME,
        client_streaming=False,
        server_streaming=False,
        parse=None,
        serialize=None,
        policy=policy,
        input_descriptor=request_type.DESCRIPTOR,
        metrics=CallMetrics(MetricsBlock(METRICS_CELLS)).method(
            "orders.v1.OrderService", "ListOrders", "unary"
        ),
    )


def bind(made_by: PipelineFactory, policy: MethodPolicy = POLICY) -> Pipeline:
    return made_by.bind(method_of(policy, Empty), answer)


def only(pipeline: Pipeline, guards: Sequence[Guard]) -> Pipeline:
    """The same method behind some of its guards."""
    return Pipeline(pipeline.method, answer, guards=guards)


def expect(
    pipeline: Pipeline, metadata: Metadata, principal: Principal | None, reason: str
) -> None:
    """Asserts what the guards say: a refusal's reason, or nothing."""
    call = Call(pipeline.method, InProcessStream(None), metadata, ADDRESS)
    call.principal = principal
    verdict = pipeline.admit(call)
    assert getattr(verdict, "reason", "") == reason, verdict


def admit_loop(
    pipeline: Pipeline, metadata: Metadata, principal: Principal | None = None, reason: str = ""
) -> Loop:
    expect(pipeline, metadata, principal, reason)
    method, stream, admit = pipeline.method, InProcessStream(None), pipeline.admit

    def loop(count: int) -> None:
        for _ in range(count):
            admit(Call(method, stream, metadata, ADDRESS))

    def loop_known(count: int) -> None:
        for _ in range(count):
            call = Call(method, stream, metadata, ADDRESS)
            call.principal = principal
            admit(call)

    return loop if principal is None else loop_known


def validation_loop() -> Loop:
    """Rules of a few fields, as a servicer's requests have them."""
    request = auth_pb2.SignInRequest(user_id="alice", password="correct horse battery")
    (guard,) = validation_guards(method_of(POLICY, auth_pb2.SignInRequest), POLICY)
    call = Call(method_of(POLICY, Empty), InProcessStream(None), (), ADDRESS)
    call.request = auth_pb2.SignInRequest()
    assert guard.check(call) is not None
    call.request = request
    assert guard.check(call) is None

    def loop(count: int) -> None:
        for _ in range(count):
            guard.check(call)

    return loop


def serve_loop(pipeline: Pipeline, metadata: Metadata, reason: str = "") -> Loop:
    """The whole road of a call whose handler does not wait, started without a Task."""
    expect(pipeline, metadata, None, reason)
    method, stream, serve = pipeline.method, InProcessStream(None), pipeline.serve
    body = b"request"
    expected = None if reason else body

    def loop(count: int) -> None:
        for _ in range(count):
            try:
                serve(Call(method, stream, metadata, ADDRESS), body).send(None)
            except StopIteration as stop:
                if stop.value != expected:
                    raise AssertionError("the call was not answered as expected") from None

    return loop


def subjects() -> dict[str, Loop]:
    steady = bind(factory())
    first_sight = bind(factory(cache_entries=0))
    strict = bind(
        factory(), MethodPolicy(POLICY.access, limits=(Limit("address", 1, 86_400 * 10**9),))
    )
    good, alien = metadata_with(token_of(ALICE)), metadata_with(token_of(MALLORY))
    forged = metadata_with(token_of(ALICE)[:-8] + "AAAAAAAA")
    alice = Principal(ALICE)
    by_address, authentication, by_principal, authorization = steady.head_guards
    assert steady.body_guards == ()
    expect(strict, good, None, "")
    return {
        "no guards": admit_loop(only(steady, ()), good),
        "all guards": admit_loop(steady, good),
        "all guards, token at first sight": admit_loop(first_sight, good),
        "rate limit by address": admit_loop(only(steady, [by_address]), good),
        "authentication": admit_loop(only(steady, [authentication]), good),
        "rate limit by principal": admit_loop(only(steady, [by_principal]), good, alice),
        "authorization": admit_loop(only(steady, [authorization]), good, alice),
        "validation, a request of two fields": validation_loop(),
        "refused: over the limit": admit_loop(strict, good, reason="RATE_LIMITED"),
        "refused: no token": admit_loop(steady, (), reason="TOKEN_MISSING"),
        "refused: forged token": admit_loop(steady, forged, reason="TOKEN_SIGNATURE_INVALID"),
        "refused: no permission": admit_loop(steady, alien, reason="PERMISSION_DENIED"),
        "served, all guards": serve_loop(steady, good),
        "served, no guards": serve_loop(only(steady, ()), good),
        "served, refused for its permission": serve_loop(steady, alien, "PERMISSION_DENIED"),
    }


def run(rounds: int) -> Report:
    # Refusals are written to the audit log: as by the server, but to nowhere.
    with Path(os.devnull).open("wb") as nowhere:
        configure_logging("json", "info", stream=nowhere)
        timings = measure(subjects(), rounds=rounds)
    all_ns = timings["all guards"].median_ns
    return Report(
        f"guards: one call, {BINDINGS:,} bindings",
        timings,
        [
            Claim("all guards admitting: us", all_ns / NS_PER_US, at_most=2),
            Claim(
                "all guards admitting: times a call without guards",
                all_ns / timings["no guards"].median_ns,
            ),
        ],
        versions("protovalidate"),
    )


if __name__ == "__main__":
    main(run)
