"""The hot methods of BLRCS's own services: answered directly, and by Python.

Both roads are those of the server without a transport: a new Call, an EdDSA token that was seen
before, the permission on the resource that the request names, and what the contract says is valid.
By Python, the pipeline parses with protobuf, asks protovalidate, and runs the servicer, started
without a Task. Directly, the same guards are asked, and then the direct handler. What that handler
takes for itself, from bytes to bytes with the object's authorization, stands alone as well.

Before anything is timed, both answer the same calls with the same bytes, by a clock that stands.
"""

import inspect
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from harness import Claim, Loop, Report, main, measure, versions

from blrcs.api.access_service import AccessService
from blrcs.api.auth_service import AuthService
from blrcs.api.cache_service import CacheService
from blrcs.api.health_service import HealthService, HealthState, add_health_to_server
from blrcs.api.limit_service import LimitService
from blrcs.application.auth.introspect_token import IntrospectToken
from blrcs.assembly.direct import (
    direct_access,
    direct_auth,
    direct_cache,
    direct_health,
    direct_limits,
)
from blrcs.cache.memory import MemoryCache
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import CacheEntry
from blrcs.domain.limit_rule import LimitEntry, LimitRule
from blrcs.interceptors.binding import bind_all
from blrcs.interceptors.effective_policy import effective_policy
from blrcs.interceptors.factory import PipelineFactory
from blrcs.limits.native_limits import NativeLimits
from blrcs.monitoring.logging import configure_logging
from blrcs.security.access_store import TableDecisions
from blrcs.security.token_inspector import VerifyingTokenInspector
from blrcs.transport.in_process import InProcessStream
from blrcs.transport.registration import Registrar
from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    cache_pb2,
    cache_pb2_grpc,
    limit_pb2,
    limit_pb2_grpc,
)
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.cache.near import NearCopies
from blrcs_native.calls.call import Call
from blrcs_native.calls.pipeline import Pipeline
from blrcs_native.direct.cache import DirectNearGet
from blrcs_native.direct.handler import DirectHandler
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier

ISSUER = "https://id.example"
AUDIENCE = "blrcs"
ALICE = "users/alice"
ADDRESS = "10.0.0.1"
KEY = Ed25519PrivateKey.generate()
RULES = 1_000
ENTRIES = 10_000
BINDINGS = 1_000
LIMITER_CELLS = 65_536
VALUE = b"x" * 100
MOST_NS = 1_500
NS_PER_US = 1_000

Clock = Callable[[], int]


def token() -> str:
    now_s = int(time.time())
    claims = {"iss": ISSUER, "sub": ALICE, "aud": AUDIENCE, "iat": now_s, "exp": now_s + 86_400}
    claims |= {"sid": "3f0c1f1e6d0a4a3b", "jti": "9e550c4f2b1c7a11"}
    return jwt.encode(claims, KEY, "EdDSA", headers={"kid": "k1", "typ": "at+jwt"})


TOKEN = token()
METADATA = (
    ("user-agent", "grpc-go/1.71.0"),
    ("authorization", f"Bearer {TOKEN}"),
    ("x-request-id", "5f0c1f1e-6d0a-4a3b-9e55-0c4f2b1c7a11"),
)
USER = limit_pb2.LimitDescriptor(entries=[limit_pb2.LimitEntry(key="user", value="alice")])
PLAN = limit_pb2.LimitDescriptor(
    entries=[
        limit_pb2.LimitEntry(key="user", value="alice"),
        limit_pb2.LimitEntry(key="plan", value="free"),
    ]
)
CALLS: dict[str, tuple[str, Message]] = {
    "Consume": (
        "/blrcs.v1.LimitService/Consume",
        limit_pb2.ConsumeRequest(domain="checkout", descriptors=[USER]),
    ),
    "Consume, 2 descriptors": (
        "/blrcs.v1.LimitService/Consume",
        limit_pb2.ConsumeRequest(domain="checkout", descriptors=[USER, PLAN]),
    ),
    "Get, 100 bytes": (
        "/blrcs.v1.CacheService/Get",
        cache_pb2.GetRequest(namespace="sessions", key="key-5000"),
    ),
    "Get, no entry": (
        "/blrcs.v1.CacheService/Get",
        cache_pb2.GetRequest(namespace="sessions", key="nothing"),
    ),
    "Set, 100 bytes": (
        "/blrcs.v1.CacheService/Set",
        cache_pb2.SetRequest(
            namespace="sessions", key="key-5000", value=VALUE, ttl=Duration(seconds=60)
        ),
    ),
    "AccessService.Check": (
        "/blrcs.v1.AccessService/Check",
        access_pb2.CheckRequest(
            principal=ALICE, permission="orders.read", resource="tenants/acme/orders/7"
        ),
    ),
    "Introspect": ("/blrcs.v1.AuthService/Introspect", auth_pb2.IntrospectRequest(token=TOKEN)),
    "Health.Check": ("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest()),
}


def access() -> CurrentAccess:
    """A thousand bindings; Alice may call everything, and read in one tenant."""
    roles = [RoleSpec("callers", ["blrcs.*"]), RoleSpec("readers", ["orders.read"])]
    bindings = [
        BindingSpec("bindings/callers", "callers", [ALICE], ""),
        BindingSpec("bindings/readers", "readers", [ALICE], "tenants/acme"),
    ]
    bindings += [
        BindingSpec(f"bindings/{n}", "readers", [f"users/u{n}"], f"tenants/t{n % 100}")
        for n in range(BINDINGS - len(bindings))
    ]
    return CurrentAccess(AccessTable(roles, [], bindings, epoch=7))


def limits(clock: Clock | None) -> NativeLimits:
    counted = NativeLimits(Limiter(LIMITER_CELLS, clock=clock))
    match = (LimitEntry("user"),)
    most = {"domain": "checkout", "requests": 1_000_000_000}
    rules = [
        LimitRule(id="users", match=match, **most),
        LimitRule(id="plans", match=(*match, LimitEntry("plan", "free")), **most),
    ]
    rules += [
        LimitRule(id=f"r{n}", match=(LimitEntry("user", f"u{n}"),), **most)
        for n in range(RULES - len(rules))
    ]
    counted.replace_rules(rules)
    return counted


def entries(clock: Clock | None) -> MemoryCache:
    clocks = {} if clock is None else {"clock": clock, "monotonic": clock}
    cache = MemoryCache(Cache(), **clocks)
    for n in range(ENTRIES):
        request = cache_pb2.SetRequest(namespace="sessions", key=f"key-{n}", value=VALUE)
        finished(CacheService(cache).Set(request, None))
    return cache


def finished(running: Any) -> Any:
    """What a coroutine gives that never waits."""
    try:
        running.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits")


@dataclass(frozen=True, slots=True)
class Roads:
    """Both roads of one method, over one state."""

    pipeline: Pipeline
    direct: DirectHandler

    def call(self) -> Call:
        return Call(self.pipeline.method, InProcessStream(None), METADATA, ADDRESS)

    def by_python(self, body: bytes) -> tuple[Any, ...]:
        call = self.call()
        reply = finished(self.pipeline.serve(call, body))
        return seen(call.rejection if reply is None else reply)

    def directly(self, body: bytes) -> tuple[Any, ...]:
        call = self.call()
        return seen(self.pipeline.admit(call) or self.direct.answer_bytes(call, body))


def seen(answer: Any) -> tuple[Any, ...]:
    if isinstance(answer, bytes):
        return (answer,)
    return (answer.code, answer.stage, answer.reason, answer.message, answer.trailers)


def partly(service: Callable[..., Any], **parts: Any) -> Any:
    """A service of those parts alone that its hot methods use."""
    others = inspect.signature(service).parameters.keys() - parts.keys()
    return service(**dict.fromkeys(others), **parts)


def roads(
    clock: Clock | None = None, copies: NearCopies[CacheEntry] | None = None
) -> Mapping[str, Roads]:
    """By the methods' names; without a clock, by the system's own.

    Where there are copies of cache entries, Get is answered directly by these.
    """
    registrar = Registrar()
    granted, counted, cache = access(), limits(clock), entries(clock)
    verifier = TokenVerifier(
        Keyset([VerificationKey("k1", "EdDSA", KEY.public_key())]),
        issuers=[ISSUER],
        audiences=[AUDIENCE],
    )
    state = HealthState([])
    state.set_all(health_pb2.HealthCheckResponse.SERVING)
    limit_service = partly(LimitService, limits=counted, clock=time.time_ns)
    cache_service, health = CacheService(cache), HealthService(state)
    access_service = partly(AccessService, decisions=lambda: TableDecisions(granted.table, list))
    auth_service = partly(
        AuthService, introspect_token=IntrospectToken(inspector=VerifyingTokenInspector(verifier))
    )
    limit_pb2_grpc.add_LimitServiceServicer_to_server(limit_service, registrar)
    cache_pb2_grpc.add_CacheServiceServicer_to_server(cache_service, registrar)
    access_pb2_grpc.add_AccessServiceServicer_to_server(access_service, registrar)
    auth_pb2_grpc.add_AuthServiceServicer_to_server(auth_service, registrar)
    add_health_to_server(health, registrar)
    direct = {
        **direct_limits(limit_service, counted),
        **direct_cache(cache_service, cache),
        **direct_access(access_service, granted),
        **direct_auth(auth_service, verifier),
        **direct_health(health, state),
    }
    if copies is not None:
        direct[cache_service.Get] = partial(DirectNearGet, copies)
    # Pipelines without direct handlers: what is timed as Python's must be Python's.
    plain = PipelineFactory(limiter=Limiter(LIMITER_CELLS), verifier=verifier, access=granted)
    pipelines = bind_all(
        registrar, plain, lambda each: effective_policy(each.name, each.descriptor)
    )
    handlers = {each.name: each.handler() for each in registrar}
    offering = PipelineFactory(
        limiter=plain.limiter, verifier=verifier, access=granted, direct=direct
    )
    found = {}
    for name in {name for name, _ in CALLS.values()}:
        pipeline = pipelines[name]
        guards = [each for each in pipeline.body_guards if each.stage != "validation"]
        handler = offering.direct_handler(
            pipeline.method, pipeline.method.policy, handlers[name], guards
        )
        if handler is None:
            raise AssertionError(f"{name} has no direct handler")
        found[name] = Roads(pipeline, handler)
    return found


def assert_alike() -> None:
    """Each road alone, over states that are alike, gives the same answers."""
    now_ns = time.time_ns()
    by_python, directly = roads(lambda: now_ns), roads(lambda: now_ns)
    for _ in range(3):
        for title, (name, request) in CALLS.items():
            body = request.SerializeToString()
            expected = by_python[name].by_python(body)
            assert directly[name].directly(body) == expected, title


def python_loop(road: Roads, body: bytes) -> Loop:
    method, stream, serve = road.pipeline.method, InProcessStream(None), road.pipeline.serve

    def loop(count: int) -> None:
        for _ in range(count):
            try:
                serve(Call(method, stream, METADATA, ADDRESS), body).send(None)
            except StopIteration:
                continue

    return loop


def direct_loop(road: Roads, body: bytes) -> Loop:
    method, stream, admit = road.pipeline.method, InProcessStream(None), road.pipeline.admit
    answer = road.direct.answer_bytes

    def loop(count: int) -> None:
        for _ in range(count):
            call = Call(method, stream, METADATA, ADDRESS)
            admit(call)
            answer(call, body)

    return loop


def answer_loop(road: Roads, body: bytes) -> Loop:
    call, answer = road.call(), road.direct.answer_bytes
    assert road.pipeline.admit(call) is None

    def loop(count: int) -> None:
        for _ in range(count):
            answer(call, body)

    return loop


def run(rounds: int) -> Report:
    assert_alike()
    timed = roads()
    subjects: dict[str, Loop] = {}
    for title, (name, request) in CALLS.items():
        body = request.SerializeToString()
        subjects[f"{title}: by Python"] = python_loop(timed[name], body)
        subjects[f"{title}: guards and direct answer"] = direct_loop(timed[name], body)
        subjects[f"{title}: direct answer alone"] = answer_loop(timed[name], body)
    # Rejections of handlers are not audited here, but those of guards would be: to nowhere.
    with Path(os.devnull).open("wb") as nowhere:
        configure_logging("json", "info", stream=nowhere)
        timings = measure(subjects, rounds=rounds)
    claims = []
    for title in CALLS:
        python, whole, alone = (
            timings[f"{title}: {part}"].median_ns
            for part in ("by Python", "guards and direct answer", "direct answer alone")
        )
        claims += [
            Claim(
                f"{title}, direct answer alone: us", alone / NS_PER_US, at_most=MOST_NS / NS_PER_US
            ),
            Claim(f"{title}, by Python / guards and direct answer", python / whole),
        ]
    return Report("direct answers", timings, claims, versions("protobuf", "protovalidate"))


if __name__ == "__main__":
    main(run)
