"""The same pipeline as a careful author writes it by hand for grpc.aio.

Four interceptors: metrics by prometheus-client, tokens by PyJWT, limits by ``limits``, and the
request's rules by protovalidate beside permissions in a dictionary. What can be prepared is: keys
are parsed once, labels resolved once for each method, and handlers wrapped once, not at every call.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

import grpc
import jwt
from cachetools import TTLCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter, Histogram
from protovalidate import Validator

Behaviour = Callable[[Any, Any], Awaitable[Any]]

principal: ContextVar[str] = ContextVar("principal")

BEARER = "Bearer "
REMEMBERED_TOKENS = 8192
REMEMBERED_S = 60


class UnaryInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Wraps each unary handler once."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        wrapped = self._wrapped[method] = grpc.unary_unary_rpc_method_handler(
            self.wrap(method, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        return wrapped

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        raise NotImplementedError


class Metrics(UnaryInterceptor):
    """Counts calls and codes and measures times, under the names of go-grpc-middleware."""

    def __init__(self) -> None:
        super().__init__()
        labels = ("grpc_type", "grpc_service", "grpc_method")
        self.registry = CollectorRegistry()
        registry = self.registry
        self._started = Counter("grpc_server_started", "Started.", labels, registry=registry)
        self._handled = Counter(
            "grpc_server_handled", "Ended.", (*labels, "grpc_code"), registry=registry
        )
        self._received = Counter("grpc_server_msg_received", "In.", labels, registry=registry)
        self._sent = Counter("grpc_server_msg_sent", "Out.", labels, registry=registry)
        self._seconds = Histogram(
            "grpc_server_handling_seconds", "Times.", labels, registry=registry
        )

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        labels = ("unary", *method[1:].split("/"))
        started, received, sent = (
            family.labels(*labels) for family in (self._started, self._received, self._sent)
        )
        seconds = self._seconds.labels(*labels)
        handled: dict[Any, Counter] = {
            code: self._handled.labels(*labels, code.name) for code in grpc.StatusCode
        }
        handled[None] = handled[grpc.StatusCode.OK]

        async def measured(request: Any, context: Any) -> Any:
            start = time.perf_counter()
            started.inc()
            received.inc()
            try:
                reply = await behaviour(request, context)
                sent.inc()
                return reply
            finally:
                handled[context.code()].inc()
                seconds.observe(time.perf_counter() - start)

        return measured


class Authentication(UnaryInterceptor):
    """Verifies the bearer token; with ``remembers``, each token once a minute only."""

    def __init__(
        self, key: Ed25519PublicKey, issuer: str, audience: str, *, remembers: bool
    ) -> None:
        super().__init__()
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self._jwt = jwt.PyJWT()
        self._known: TTLCache[str, dict[str, Any]] | None = (
            TTLCache(REMEMBERED_TOKENS, REMEMBERED_S) if remembers else None
        )

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        del method

        async def authenticated(request: Any, context: Any) -> Any:
            header = ""
            for name, value in context.invocation_metadata():
                if name == "authorization":
                    header = value
            if not header.startswith(BEARER):
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a bearer token is needed")
            try:
                claims = self._verify(header[len(BEARER) :])
            except jwt.InvalidTokenError:
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")
            principal.set(claims["sub"])
            return await behaviour(request, context)

        return authenticated

    def _verify(self, token: str) -> dict[str, Any]:
        if self._known is None:
            return self._decode(token)
        claims = self._known.get(token)
        if claims is None:
            claims = self._known[token] = self._decode(token)
        elif claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        return claims

    def _decode(self, token: str) -> dict[str, Any]:
        return self._jwt.decode(
            token,
            self._key,
            algorithms=["EdDSA"],
            issuer=self._issuer,
            audience=self._audience,
            options={"require": ["exp", "sub"]},
        )


class RateLimits(UnaryInterceptor):
    """Fixed windows by address and by principal."""

    def __init__(self, requests_per_s: int) -> None:
        super().__init__()
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerSecond(requests_per_s)

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        hit, limit = self._limiter.hit, self._limit

        async def limited(request: Any, context: Any) -> Any:
            if not hit(limit, method, "address", address_of(context.peer())) or not hit(
                limit, method, "principal", principal.get()
            ):
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests")
            return await behaviour(request, context)

        return limited


class RequestChecks(UnaryInterceptor):
    """Asks whether the principal may see the order, and whether the request is well formed."""

    def __init__(self, grants: Mapping[str, str]) -> None:
        super().__init__()
        self._grants = dict(grants)
        self._validator = Validator()

    def wrap(self, method: str, behaviour: Behaviour) -> Behaviour:
        del method

        async def checked(request: Any, context: Any) -> Any:
            if not self._allows(f"orders/{request.order_id}"):
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "orders.get is needed")
            violations = self._validator.collect_violations(request)
            if violations:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, violations[0].proto.message)
            return await behaviour(request, context)

        return checked

    def _allows(self, resource: str) -> bool:
        granted = self._grants.get(principal.get())
        return granted is not None and (resource == granted or resource.startswith(f"{granted}/"))


def address_of(peer: str) -> str:
    """The address of ``ipv4:1.2.3.4:5`` or ``ipv6:%5B::1%5D:5``, without the port."""
    return unquote(peer.partition(":")[2].rpartition(":")[0])


def interceptors(
    *,
    key: Ed25519PublicKey,
    issuer: str,
    audience: str,
    grants: Mapping[str, str],
    requests_per_s: int,
    remembers_tokens: bool,
) -> list[grpc.aio.ServerInterceptor]:
    """The outermost first."""
    return [
        Metrics(),
        Authentication(key, issuer, audience, remembers=remembers_tokens),
        RateLimits(requests_per_s),
        RequestChecks(grants),
    ]
