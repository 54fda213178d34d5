"""Reads the policies that stand in proto options."""

from typing import TYPE_CHECKING, Any, Literal

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from blrcs.domain.authentication import AuthenticationLevel
from blrcs.domain.policy import (
    IDEMPOTENCY_TTL_NS,
    NS_PER_S,
    Addresses,
    Algorithm,
    AuditLevel,
    BindingDemand,
    Limit,
    LimitKey,
    MethodPolicy,
    Permission,
    Priority,
    ResponseCache,
    Stage,
    StepUp,
)
from blrcs.v1 import policy_pb2

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

LIMIT_KEYS: dict[int, LimitKey] = {
    policy_pb2.LIMIT_KEY_ADDRESS: "address",
    policy_pb2.LIMIT_KEY_PRINCIPAL: "principal",
    policy_pb2.LIMIT_KEY_METHOD: "method",
}
ALGORITHMS: dict[int, Algorithm] = {
    policy_pb2.LIMIT_ALGORITHM_UNSPECIFIED: "gcra",
    policy_pb2.LIMIT_ALGORITHM_GCRA: "gcra",
    policy_pb2.LIMIT_ALGORITHM_FIXED_WINDOW: "fixed_window",
    policy_pb2.LIMIT_ALGORITHM_SLIDING_WINDOW: "sliding_window",
    policy_pb2.LIMIT_ALGORITHM_CONCURRENCY: "concurrency",
}
AUDIT_LEVELS: dict[int, AuditLevel] = {
    policy_pb2.AUDIT_LEVEL_UNSPECIFIED: "refusals",
    policy_pb2.AUDIT_LEVEL_CALL: "call",
    policy_pb2.AUDIT_LEVEL_REQUEST: "request",
}
STAGES: dict[int, Stage] = {
    policy_pb2.GUARD_KIND_RATE_LIMIT: "rate_limit",
    policy_pb2.GUARD_KIND_AUTHENTICATION: "authentication",
    policy_pb2.GUARD_KIND_AUTHORIZATION: "authorization",
    policy_pb2.GUARD_KIND_VALIDATION: "validation",
}
PRIORITIES: dict[int, Priority] = {
    policy_pb2.PRIORITY_UNSPECIFIED: "normal",
    policy_pb2.PRIORITY_CRITICAL: "critical",
    policy_pb2.PRIORITY_HIGH: "high",
    policy_pb2.PRIORITY_NORMAL: "normal",
    policy_pb2.PRIORITY_LOW: "low",
}

BINDINGS: dict[int, BindingDemand | None] = {
    policy_pb2.TOKEN_BINDING_UNSPECIFIED: None,
    policy_pb2.TOKEN_BINDING_ANY: "any",
    policy_pb2.TOKEN_BINDING_MTLS: "mtls",
    policy_pb2.TOKEN_BINDING_DPOP: "dpop",
}

# The compiler's stubs for Python do not type extensions.
POLICY: Any = policy_pb2.policy
SERVICE_PRIORITY: Any = policy_pb2.priority
FIELD: Any = policy_pb2.field


class PolicyError(Exception):
    """A method's policy is missing or cannot be carried out; the server does not start."""


def method_policy(descriptor: MethodDescriptor) -> MethodPolicy | None:
    """The policy that a method's options state; None where they state none.

    Raises:
        PolicyError: It says nothing about access, or names a value that this version does not know.
    """
    options = descriptor.GetOptions()
    if not options.HasExtension(POLICY):
        return None
    stated = options.Extensions[POLICY]
    try:
        return MethodPolicy(
            access=_access(stated),
            limits=tuple(_limit(limit) for limit in stated.limits),
            response_cache=_response_cache(stated),
            audit=AUDIT_LEVELS[stated.audit],
            idempotency_ttl_ns=_idempotency_ttl_ns(stated),
            shadow=frozenset(STAGES[kind] for kind in stated.shadow),
            allow_password_change_required=stated.allow_password_change_required,
            step_up=_step_up(stated),
            addresses=_addresses(stated),
            priority=_priority(stated, descriptor),
            token_binding=BINDINGS[stated.token_binding],
            watch=stated.watch,
        )
    except KeyError as error:
        raise PolicyError(f"{_name(descriptor)}: unknown value {error} in its policy") from None
    except ValueError as error:
        raise PolicyError(f"{_name(descriptor)}: {error}") from None


def _name(descriptor: MethodDescriptor) -> str:
    """The method's name, as callers and the configuration write it."""
    return f"/{descriptor.containing_service.full_name}/{descriptor.name}"


def is_secret(field: FieldDescriptor) -> bool:
    """The field's value is masked wherever a message is shown."""
    return bool(field.GetOptions().Extensions[FIELD].secret)


def _access(stated: policy_pb2.MethodPolicy) -> Literal["public", "authenticated"] | Permission:
    if stated.HasField("permission"):
        if not stated.permission.name:
            raise ValueError("its permission has no name")
        return Permission(
            stated.permission.name, stated.permission.resource, stated.permission.or_owner
        )
    if stated.public:
        return "public"
    if stated.authenticated:
        return "authenticated"
    raise ValueError("its policy does not say who may call: public, authenticated, permission")


def _limit(stated: policy_pb2.MethodLimit) -> Limit:
    if not stated.requests:
        raise ValueError("a limit allows no requests: set requests")
    return Limit(
        key=LIMIT_KEYS[stated.key],
        requests=stated.requests,
        period_ns=_nanoseconds(stated.period) if stated.HasField("period") else NS_PER_S,
        burst=stated.burst or None,
        algorithm=ALGORITHMS[stated.algorithm],
        per_message=stated.per_message,
    )


def _response_cache(stated: policy_pb2.MethodPolicy) -> ResponseCache | None:
    if not stated.HasField("response_cache"):
        return None
    ttl_ns = _nanoseconds(stated.response_cache.ttl)
    if ttl_ns <= 0:
        raise ValueError("its response_cache has no ttl")
    return ResponseCache(ttl_ns, stated.response_cache.shared)


def _addresses(stated: policy_pb2.MethodPolicy) -> Addresses | None:
    if not stated.HasField("addresses"):
        return None
    return Addresses(tuple(stated.addresses.allow), tuple(stated.addresses.deny))


def _idempotency_ttl_ns(stated: policy_pb2.MethodPolicy) -> int | None:
    if not stated.HasField("idempotency"):
        return None
    return _nanoseconds(stated.idempotency.ttl) or IDEMPOTENCY_TTL_NS


def _step_up(stated: policy_pb2.MethodPolicy) -> StepUp | None:
    if not stated.HasField("step_up"):
        return None
    level = AuthenticationLevel(stated.step_up.level)
    has_age = stated.step_up.HasField("max_age")
    if not level and not has_age:
        raise ValueError("its step_up states neither a level nor a max_age")
    return StepUp(level, _nanoseconds(stated.step_up.max_age) if has_age else None)


def _priority(stated: policy_pb2.MethodPolicy, descriptor: MethodDescriptor) -> Priority:
    if stated.priority:
        return PRIORITIES[stated.priority]
    priority = PRIORITIES[descriptor.containing_service.GetOptions().Extensions[SERVICE_PRIORITY]]
    if priority == "critical" and (not stated.permission.name or stated.permission.or_owner):
        # What is kept for administrators is not for everyone to take.
        return "high"
    return priority


def _nanoseconds(duration: "Duration") -> int:
    return int(duration.ToNanoseconds())
