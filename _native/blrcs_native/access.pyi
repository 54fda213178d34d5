"""Who may do what where: roles, groups and bindings compiled into one immutable table."""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple, TypeAlias, final

from blrcs_native.resource_template import validate_resource as validate_resource

ANONYMOUS: Final = ""
ALL_USERS: Final = "allUsers"
ALL_AUTHENTICATED: Final = "allAuthenticated"
MAX_PERMISSION_BYTES: Final = 256
MAX_ROLE_DEPTH: Final = 16
MAX_GROUP_DEPTH: Final = 8
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

class AccessSpecError(ValueError): ...

class RoleSpec(NamedTuple):
    name: str
    permissions: Iterable[str] = ...
    includes: Iterable[str] = ...

class GroupSpec(NamedTuple):
    name: str
    members: Iterable[str] = ...

class BindingSpec(NamedTuple):
    name: str
    role: str
    members: Iterable[str]
    resource: str = ...
    expires_at_ns: int | None = ...

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

def validate_permission(name: str) -> None: ...
def validate_pattern(pattern: str) -> None: ...
def validate_member(name: str) -> None: ...

@final
class AccessTable:
    def __init__(
        self,
        roles: Iterable[RoleSpec],
        groups: Iterable[GroupSpec],
        bindings: Iterable[BindingSpec],
        *,
        clock: Callable[[], int] = ...,
        epoch: int = ...,
    ) -> None: ...
    @property
    def epoch(self) -> int: ...
    def check(self, principal: str, permission: str, resource: str) -> bool: ...
    def holds_anywhere(self, principal: str, permission: str) -> bool: ...
    def explain(self, principal: str, permission: str, resource: str) -> Explanation: ...
    def permissions(
        self, principal: str, resource: str, known_permissions: Iterable[str]
    ) -> list[str]: ...
