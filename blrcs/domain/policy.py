"""The policy of a method: who may call it, how often, and what is kept of it.

It mirrors ``blrcs.v1.MethodPolicy``, free of any wire, so that a configuration can state the same.
"""

from dataclasses import dataclass
from typing import Literal

from blrcs.domain.authentication import AuthenticationLevel

LimitKey = Literal["address", "principal", "method"]
Algorithm = Literal["gcra", "fixed_window", "sliding_window", "concurrency"]
AuditLevel = Literal["refusals", "call", "request"]
BindingDemand = Literal["any", "mtls", "dpop"]
Stage = Literal["rate_limit", "authentication", "authorization", "validation"]
Priority = Literal["critical", "high", "normal", "low"]

NS_PER_S = 1_000_000_000
IDEMPOTENCY_TTL_NS = 24 * 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission on the resource that a template over the request's fields names."""

    name: str
    resource: str = ""
    or_owner: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """How often a method may be called, counted apart for each ``key``."""

    key: LimitKey
    requests: int
    period_ns: int = NS_PER_S
    burst: int | None = None
    algorithm: Algorithm = "gcra"
    per_message: bool = False


@dataclass(frozen=True, slots=True)
class ResponseCache:
    """How long replies may be answered from memory, and whether principals share them."""

    ttl_ns: int
    shared: bool = False


@dataclass(frozen=True, slots=True)
class StepUp:
    """The least level of a caller's proof of identity, and its greatest age; None is any."""

    level: AuthenticationLevel = AuthenticationLevel.UNSPECIFIED
    max_age_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Networks that a method serves, all if none is named, and those that it refuses all the same.

    In CIDR notation; ``unix`` stands for peers without an address.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MethodPolicy:
    """What guards and middleware do for one method.

    ``access`` is ``"public"``, ``"authenticated"`` or the permission needed.
    ``idempotency_ttl_ns`` is None where idempotency keys are not kept, ``token_binding`` where
    tokens need not be bound. The calls of a ``watch`` last as long as their callers want.
    """

    access: Literal["public", "authenticated"] | Permission
    limits: tuple[Limit, ...] = ()
    response_cache: ResponseCache | None = None
    audit: AuditLevel = "refusals"
    idempotency_ttl_ns: int | None = None
    shadow: frozenset[Stage] = frozenset()
    allow_password_change_required: bool = False
    step_up: StepUp | None = None
    addresses: Addresses | None = None
    priority: Priority = "normal"
    token_binding: BindingDemand | None = None
    watch: bool = False

    @property
    def is_public(self) -> bool:
        """No token is asked for."""
        return self.access == "public"


PUBLIC = MethodPolicy("public")
