"""The rate limits of a method, as guards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.rpc import error_details_pb2

from blrcs.domain.policy import NS_PER_S, Limit, MethodPolicy
from blrcs.interceptors.proto_policy import PolicyError
from blrcs.interceptors.statuses import Trailers, rejection, retry_info, retry_trailers
from blrcs_native.calls.method import Method
from blrcs_native.calls.rejection import Rejection
from blrcs_native.guards.guard import Guard
from blrcs_native.guards.rate_limit import RateLimitGuard
from blrcs_native.limits.limiter import Limiter, Rule

NEVER = "-1"


@dataclass(frozen=True, slots=True)
class RateLimitGuards:
    """A method's limits, by where they stand on the road of a call."""

    before_authentication: tuple[Guard, ...]
    after_authentication: tuple[Guard, ...]
    per_message: tuple[Guard, ...]


def rate_limit_guards(method: Method, policy: MethodPolicy, limiter: Limiter) -> RateLimitGuards:
    """The guards for a method's limits.

    What needs no principal is asked first; what it took is given back when a limit by principal
    refuses. A call of a public method has no principal: its limits by principal count addresses.

    Raises:
        PolicyError: A limit cannot be carried out.
    """
    shadow = "rate_limit" in policy.shadow
    numbered = [(f"{method.name}#{index}", limit) for index, limit in enumerate(policy.limits)]
    early = [(name, limit) for name, limit in numbered if limit.key != "principal"]
    late = [(name, limit) for name, limit in numbered if limit.key == "principal"]
    each = [(name, limit) for name, limit in numbered if limit.per_message]

    def guards(limits: Sequence[tuple[str, Limit]], *, refundable: bool) -> tuple[Guard, ...]:
        if not limits:
            return ()
        reject = _rejections([limit for _, limit in limits])
        try:
            compiled = [(_rule(name, limit), limit.key) for name, limit in limits]
            guard = RateLimitGuard(limiter, compiled, reject, refundable=refundable, shadow=shadow)
        except ValueError as error:
            raise PolicyError(f"{method.name}: {error}") from None
        return (guard,)

    return RateLimitGuards(
        before_authentication=guards(early, refundable=bool(late)),
        after_authentication=guards(late, refundable=False),
        per_message=guards(each, refundable=False) if method.client_streaming else (),
    )


def _rule(identity: str, limit: Limit) -> Rule:
    return Rule(
        limit.algorithm, limit.requests, limit.period_ns, identity=identity, burst=limit.burst
    )


def _rejections(limits: Sequence[Limit]) -> Callable[[int, int | None], Rejection]:
    def reject(index: int, wait_ms: int | None) -> Rejection:
        limit = limits[index]
        quota = error_details_pb2.QuotaFailure(
            violations=[
                error_details_pb2.QuotaFailure.Violation(
                    subject=limit.key,
                    description=f"{limit.requests} requests in {limit.period_ns / NS_PER_S:g} s",
                )
            ]
        )
        return rejection(
            "RESOURCE_EXHAUSTED",
            "rate_limit",
            "RATE_LIMITED",
            f"too many requests for this {limit.key}",
            metadata={"limit_key": limit.key},
            details=(quota,) if wait_ms is None else (quota, retry_info(wait_ms)),
            trailers=_trailers(limit, wait_ms),
        )

    return reject


def _trailers(limit: Limit, wait_ms: int | None) -> Trailers:
    if wait_ms is None:
        return (("grpc-retry-pushback-ms", NEVER),)
    return (
        ("ratelimit-limit", str(limit.requests)),
        ("ratelimit-remaining", "0"),
        ("ratelimit-reset", str(-(-wait_ms // 1000))),
        *retry_trailers(wait_ms),
    )
