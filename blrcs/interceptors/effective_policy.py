"""The policy in effect: what the proto states, as the configuration changes it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from blrcs.config.policies import MethodLimit, PermissionAccess, PolicyOverride
from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.policy import (
    NS_PER_S,
    Addresses,
    Limit,
    MethodPolicy,
    Permission,
    ResponseCache,
    Stage,
    StepUp,
)
from blrcs.interceptors.proto_policy import PolicyError, method_policy

# Streams that stay open hold a place each, so that no one address can take them all.
OPEN_STREAMS = MethodPolicy(
    "public",
    limits=(Limit("address", 64, period_ns=24 * 3600 * NS_PER_S, algorithm="concurrency"),),
)
HEALTH = MethodPolicy("public", priority="critical")
STANDARD = {
    "/grpc.health.v1.Health/Check": HEALTH,
    "/grpc.health.v1.Health/List": HEALTH,
    "/grpc.health.v1.Health/Watch": replace(OPEN_STREAMS, watch=True),
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": OPEN_STREAMS,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": OPEN_STREAMS,
}
"""Policies of the standard services, whose protos cannot state any."""


def effective_policy(
    name: str,
    descriptor: MethodDescriptor | None,
    override: PolicyOverride | None = None,
    shadow: Collection[Stage] = (),
) -> MethodPolicy:
    """The policy of ``/package.Service/Method``.

    Args:
        name: The method.
        descriptor: Where its options stand; None where no proto describes it.
        override: What the configuration says of it.
        shadow: Guards that the configuration puts in shadow for every method.

    Raises:
        PolicyError: Nothing states who may call it.
    """
    stated = None if descriptor is None else method_policy(descriptor)
    policy = stated or STANDARD.get(name)
    if override is not None:
        policy = _overridden(policy, override)
    if policy is None:
        raise PolicyError(
            f"{name} states no policy: set (blrcs.v1.policy) on it, or state its access in the"
            " configuration under policies"
        )
    return replace(policy, shadow=policy.shadow.union(shadow))


def _overridden(policy: MethodPolicy | None, override: PolicyOverride) -> MethodPolicy | None:
    changes: dict[str, Any] = _step_up_change(override)
    if override.access is not None:
        changes["access"] = (
            Permission(
                override.access.permission, override.access.resource, override.access.or_owner
            )
            if isinstance(override.access, PermissionAccess)
            else override.access
        )
    if override.limits is not None:
        changes["limits"] = tuple(_limit(limit) for limit in override.limits)
    for name in ("audit", "priority", "watch"):
        if (stated := getattr(override, name)) is not None:
            changes[name] = stated
    if override.shadow is not None:
        changes["shadow"] = frozenset(override.shadow)
    if override.addresses is not None:
        changes["addresses"] = Addresses(override.addresses.allow, override.addresses.deny)
    if override.token_binding is not None:
        demanded = override.token_binding
        changes["token_binding"] = None if demanded == "none" else demanded
    if override.response_cache_ttl is not None:
        ttl_ns = override.response_cache_ttl.ns
        shared = policy is not None and bool(policy.response_cache and policy.response_cache.shared)
        changes["response_cache"] = ResponseCache(ttl_ns, shared) if ttl_ns else None
    if policy is not None:
        return replace(policy, **changes)
    return MethodPolicy(**changes) if "access" in changes else None


def _step_up_change(override: PolicyOverride) -> dict[str, StepUp | None]:
    stated = override.step_up
    if stated is None:
        return {}
    level = AuthenticationLevel[stated.level.upper()]
    max_age_ns = None if stated.max_age is None else stated.max_age.ns
    if not level and max_age_ns is None:
        return {"step_up": None}
    return {"step_up": StepUp(level, max_age_ns)}


def _limit(limit: MethodLimit) -> Limit:
    return Limit(
        key=limit.key,
        requests=limit.requests,
        period_ns=limit.period.ns,
        burst=limit.burst,
        algorithm=limit.algorithm,
        per_message=limit.per_message,
    )
