"""Policies as text, for a table and for JSON."""

from typing import Any

from blrcs.cli.policy_network import addresses_text
from blrcs.cli.served_methods import ServedMethod
from blrcs.config.duration import Duration
from blrcs.domain.policy import Limit, MethodPolicy, Permission, StepUp

COLUMNS = (
    "method",
    "access",
    "resource",
    "limits",
    "audit",
    "cache",
    "idempotency",
    "shadow",
    "priority",
    "validation",
    "step-up",
    "addresses",
)
DISABLED = "disabled"
ROOT = "(root)"


def cells(method: ServedMethod) -> tuple[str, ...]:
    """One text for each of COLUMNS."""
    policy = method.policy
    if policy is None:
        return (method.name, DISABLED, *[""] * (len(COLUMNS) - 2))
    cache = policy.response_cache
    shared = " shared" if cache and cache.shared else ""
    return (
        method.name,
        _access(policy),
        (policy.access.resource or ROOT) if isinstance(policy.access, Permission) else "",
        "; ".join(limit_text(limit) for limit in policy.limits),
        policy.audit,
        f"{Duration(cache.ttl_ns)}{shared}" if cache else "",
        "" if policy.idempotency_ttl_ns is None else str(Duration(policy.idempotency_ttl_ns)),
        ", ".join(sorted(policy.shadow)),
        policy.priority,
        "yes" if method.is_validated else "no",
        "" if policy.step_up is None else step_up_text(policy.step_up),
        "" if policy.addresses is None else addresses_text(policy.addresses),
    )


def step_up_text(step_up: StepUp) -> str:
    """What is demanded, such as ``multi factor, within 10m``."""
    level = step_up.level.name.lower().replace("_", " ") if step_up.level else ""
    age = "" if step_up.max_age_ns is None else f"within {Duration(step_up.max_age_ns)}"
    return ", ".join(filter(None, (level, age)))


def limit_text(limit: Limit) -> str:
    """How often, such as ``10 in 1s by principal, 20 at once``."""
    if limit.algorithm == "concurrency":
        text = f"{limit.requests} at the same time by {limit.key}"
    else:
        text = f"{limit.requests} in {Duration(limit.period_ns)} by {limit.key}"
    if limit.algorithm == "gcra":
        text += f", {limit.burst or limit.requests} at once"
    elif limit.algorithm != "concurrency":
        text += f", {limit.algorithm.replace('_', ' ')}"
    return f"{text}, each message" if limit.per_message else text


def json_values(method: ServedMethod) -> dict[str, Any]:
    """The policy in the terms of the configuration, as JSON has it."""
    policy = method.policy
    if policy is None:
        return {"method": method.name, "disabled": True}
    cache = policy.response_cache
    idempotency_ns = policy.idempotency_ttl_ns
    return {
        "method": method.name,
        "disabled": False,
        "access": _access_values(policy),
        "limits": [_limit_values(limit) for limit in policy.limits],
        "audit": policy.audit,
        "response_cache": cache and {"ttl": str(Duration(cache.ttl_ns)), "shared": cache.shared},
        "idempotency_ttl": None if idempotency_ns is None else str(Duration(idempotency_ns)),
        "shadow": sorted(policy.shadow),
        "priority": policy.priority,
        "watch": policy.watch,
        "validation": method.is_validated,
        "allow_password_change_required": policy.allow_password_change_required,
        "step_up": policy.step_up and _step_up_values(policy.step_up),
        "addresses": policy.addresses
        and {"allow": list(policy.addresses.allow), "deny": list(policy.addresses.deny)},
        "token_binding": policy.token_binding,
    }


def _access(policy: MethodPolicy) -> str:
    if not isinstance(policy.access, Permission):
        return policy.access
    return f"{policy.access.name}{' or owner' if policy.access.or_owner else ''}"


def _access_values(policy: MethodPolicy) -> Any:
    if not isinstance(policy.access, Permission):
        return policy.access
    return {
        "permission": policy.access.name,
        "resource": policy.access.resource,
        "or_owner": policy.access.or_owner,
    }


def _step_up_values(step_up: StepUp) -> dict[str, Any]:
    max_age_ns = step_up.max_age_ns
    return {
        "level": step_up.level.name.lower(),
        "max_age": None if max_age_ns is None else str(Duration(max_age_ns)),
    }


def _limit_values(limit: Limit) -> dict[str, Any]:
    return {
        "key": limit.key,
        "requests": limit.requests,
        "period": str(Duration(limit.period_ns)),
        "burst": limit.burst,
        "algorithm": limit.algorithm,
        "per_message": limit.per_message,
    }
