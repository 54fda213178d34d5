"""Roles, groups and bindings as an access table is given them, and what their names may be."""

from collections.abc import Iterable
from typing import Final, NamedTuple

ANONYMOUS: Final = ""
ALL_USERS: Final = "allUsers"
ALL_AUTHENTICATED: Final = "allAuthenticated"
MAX_PERMISSION_BYTES: Final = 256

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

def validate_permission(name: str) -> None: ...
def validate_pattern(pattern: str) -> None: ...
def validate_member(name: str) -> None: ...
