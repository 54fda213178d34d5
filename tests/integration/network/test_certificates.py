"""Principals by client certificates, over the network on both transports."""

import datetime as dt
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import grpc
import jwt
import pytest
from grpc.aio import AioRpcError

import blrcs.aio
from blrcs.config.mtls import Mtls
from blrcs.domain.policy import MethodPolicy, Permission
from blrcs.interceptors.factory import PipelineFactory
from blrcs.security.certificate_names import CertificateNames
from blrcs.transport.tls import CertificateConfiguration, ServerCredentials
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from blrcs_native.access.table import AccessTable, BindingSpec, RoleSpec
from blrcs_native.calls.call import Call
from blrcs_native.guards.authorization import CurrentAccess
from blrcs_native.guards.certificate import CertificatePrincipals
from blrcs_native.limits.limiter import Limiter
from blrcs_native.tokens.keys import Keyset, VerificationKey
from blrcs_native.tokens.verifier import TokenVerifier
from tests.authority import DAY, Authority, Issued, dns, spiffe
from tests.certificates import key_and_certificate
from tests.integration.network.test_addresses import reason
from tests.transports import TRANSPORTS

SECRET = bytes(range(32))
NAME = "tests"
ALL = "/blrcs.v1.CacheService/*"
AUTHENTICATED = MethodPolicy("authenticated")
WORKLOAD = "workloads/example.org/ns/a"
MTLS = Mtls(
    mode="fallback",
    trust_domains=("example.org",),
    names={"dns:one.example": "workloads/one"},
)


@cache
def authority() -> Authority:
    return Authority()


@cache
def workload() -> Issued:
    return authority().issue(spiffe("spiffe://example.org/ns/a"))


class WhoAmI(cache_pb2_grpc.CacheServiceServicer):
    """Answers with the caller's name."""

    async def Get(self, request: cache_pb2.GetRequest, context: Call) -> cache_pb2.GetResponse:
        name = context.principal.name if context.principal else ""
        return cache_pb2.GetResponse(
            entry=cache_pb2.CacheEntry(key=request.key, value=name.encode())
        )


def token(subject: str = "users/alice") -> str:
    now_s = int(time.time())
    claims = {"iss": NAME, "aud": NAME, "sub": subject, "iat": now_s, "exp": now_s + 86_400}
    return jwt.encode(claims, SECRET, "HS256", headers={"typ": "at+jwt", "kid": NAME})


@asynccontextmanager
async def serving(
    transport: Any,
    mtls: Mtls = MTLS,
    policy: MethodPolicy = AUTHENTICATED,
    *,
    revoked: bytes | None = None,
    clock: Any = time.time_ns,
) -> AsyncIterator[int]:
    """The port of a server that asks for certificates of the authority."""
    verifier = TokenVerifier(
        Keyset([VerificationKey.from_secret(NAME, "HS256", SECRET)]),
        issuers=[NAME],
        audiences=[NAME],
    )
    bindings = [BindingSpec("bindings/b", "roles/r", [WORKLOAD], "things")]
    factory = PipelineFactory(
        limiter=Limiter(1024),
        verifier=verifier,
        access=CurrentAccess(AccessTable([RoleSpec("roles/r", ["things.get"])], [], bindings)),
        certificates=CertificatePrincipals(CertificateNames(mtls).read, clock),
        certificate_required=mtls.mode == "required",
        check_proof=lambda call, thumbprint, token: False,  # nobody has one
    )
    server = blrcs.aio.server(factory=factory, policies={ALL: policy}, transport=transport)
    cache_pb2_grpc.add_CacheServiceServicer_to_server(WhoAmI(), server)
    configuration = CertificateConfiguration([key_and_certificate()], authority().pem, revoked)
    port = server.add_secure_port(
        "127.0.0.1:0", ServerCredentials(lambda: configuration, require_client_certificate=True)
    )
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def who(port: int, client: Issued | None, *metadata: tuple[str, str]) -> str:
    pair = () if client is None else (client.key, client.chain)
    credentials = grpc.ssl_channel_credentials(key_and_certificate()[1], *pair)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        stub = cache_pb2_grpc.CacheServiceStub(channel)
        request = cache_pb2.GetRequest(namespace="n", key="k")
        reply = await stub.Get(request, metadata=metadata, timeout=20)
        return str(reply.entry.value.decode())


async def refusal(port: int, client: Issued | None, *metadata: tuple[str, str]) -> tuple[Any, str]:
    with pytest.raises(AioRpcError) as caught:
        await who(port, client, *metadata)
    return caught.value.code(), reason(caught.value)


UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
BEARER = ("authorization", f"Bearer {token()}")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_workload_calls_by_its_certificate(transport: Any) -> None:
    async with serving(transport) as port:
        assert await who(port, workload()) == WORKLOAD
        assert await who(port, authority().issue(*dns("one.example"))) == "workloads/one"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_token_says_who_calls_where_there_is_one(transport: Any) -> None:
    async with serving(transport) as port:
        assert await who(port, workload(), BEARER) == "users/alice"
        bad = ("authorization", BEARER[1][:-2])
        code, why = await refusal(port, workload(), bad)
        assert (code, why != "TOKEN_MISSING") == (UNAUTHENTICATED, True)
        assert (await refusal(port, workload(), BEARER, BEARER))[1] == "TOKEN_AMBIGUOUS"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "names",
    [
        [spiffe("spiffe://strange.org/ns/a")],
        [spiffe("spiffe://example.org/ns/a"), spiffe("spiffe://example.org/ns/b")],
        [spiffe("spiffe://example.org/ns/a/")],
        [spiffe("spiffe://example.org/ns/%61")],
        [spiffe("spiffe://example.org/ns/../ns/a")],
        [spiffe("spiffe://example.org:80/ns/a")],
        [],
    ],
)
async def test_a_certificate_of_nobody_is_not_enough(transport: Any, names: Any) -> None:
    client = authority().issue(*names)
    async with serving(transport) as port:
        assert await refusal(port, client) == (UNAUTHENTICATED, "TOKEN_MISSING")
        assert await who(port, client, BEARER) == "users/alice"


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("demanded", "served"), [("mtls", True), ("any", True), ("dpop", False)])
async def test_a_certificate_is_bound_to_its_own_key_alone(
    transport: Any, demanded: Any, served: Any
) -> None:
    policy = MethodPolicy("authenticated", token_binding=demanded)
    async with serving(transport, policy=policy) as port:
        if served:
            assert await who(port, workload()) == WORKLOAD
        else:
            assert await refusal(port, workload()) == (UNAUTHENTICATED, "TOKEN_MISSING")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_where_certificates_are_required_a_token_alone_is_not_enough(transport: Any) -> None:
    nobody = authority().issue(spiffe("spiffe://strange.org/ns/a"))
    async with serving(transport, MTLS.model_copy(update={"mode": "required"})) as port:
        assert await refusal(port, nobody) == (UNAUTHENTICATED, "CERTIFICATE_UNKNOWN")
        assert await refusal(port, nobody, BEARER) == (UNAUTHENTICATED, "CERTIFICATE_UNKNOWN")
        assert await who(port, workload(), BEARER) == "users/alice"
        assert await who(port, workload()) == WORKLOAD


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_workload_may_do_what_bindings_grant_it(transport: Any) -> None:
    for resource, allowed in (("things", True), ("others", False)):
        policy = MethodPolicy(Permission("things.get", resource))
        async with serving(transport, policy=policy) as port:
            if allowed:
                assert await who(port, workload()) == WORKLOAD
            else:
                assert (await refusal(port, workload()))[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_certificate_of_another_authority_gets_no_connection(transport: Any) -> None:
    name = spiffe("spiffe://example.org/ns/a")
    async with serving(transport) as port:
        for client in (
            Authority().issue(name),
            Authority("another").issue(name),
            authority().issue(name, lasts=-DAY),
            None,
        ):
            assert (await refusal(port, client, BEARER))[0] is grpc.StatusCode.UNAVAILABLE
        assert await who(port, workload()) == WORKLOAD


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_does_not_outlast_its_certificate(transport: Any) -> None:
    later_ns = time.time_ns() + int(dt.timedelta(days=2).total_seconds()) * 10**9
    async with serving(transport, clock=lambda: later_ns) as port:
        assert await refusal(port, workload()) == (UNAUTHENTICATED, "TOKEN_MISSING")


async def test_a_revoked_certificate_gets_no_connection() -> None:
    other = authority().issue(spiffe("spiffe://example.org/ns/b"))
    async with serving("native", revoked=authority().revocation_list(other)) as port:
        assert await who(port, workload()) == WORKLOAD
        assert (await refusal(port, other))[0] is grpc.StatusCode.UNAVAILABLE
    for revoked in (
        authority().revocation_list(lasts=-DAY),
        Authority().revocation_list(),
        Authority("another").revocation_list(),
    ):
        async with serving("native", revoked=revoked) as port:
            assert (await refusal(port, workload()))[0] is grpc.StatusCode.UNAVAILABLE
