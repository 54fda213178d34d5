"""Why a check is answered as it is: for people, not for the road of a call."""

from typing import Final, Literal, NamedTuple, TypeAlias

MAX_NEAR_MISSES: Final = 16

_Reason: TypeAlias = Literal[
    "granted",
    "invalid_principal",
    "invalid_permission",
    "invalid_resource",
    "in_no_role",
    "expired",
    "elsewhere",
    "unknown_role",
    "no_binding",
]

class NearMiss(NamedTuple):
    reason: Literal["expired", "elsewhere", "unknown_role"]
    binding: str
    role: str
    member: str
    groups: tuple[str, ...]
    resource: str
    expires_at_ns: int | None

class Explanation(NamedTuple):
    allowed: bool
    reason: _Reason
    binding: str | None = ...
    role: str | None = ...
    member: str | None = ...
    groups: tuple[str, ...] = ...
    resource: str | None = ...
    expires_at_ns: int | None = ...
    near_misses: tuple[NearMiss, ...] = ...
