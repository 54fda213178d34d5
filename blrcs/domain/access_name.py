"""Resource names of roles, groups and bindings.

A role or group belongs to a tenant (``tenants/acme/groups/devs``), or to none (``groups/devs``).
"""

from collections.abc import Mapping
from typing import TypeVar

from blrcs.domain.errors import InvalidArgumentError

ROLES = "roles"
GROUPS = "groups"
BINDINGS = "bindings"
TENANTS = "tenants"

Resource = TypeVar("Resource")

_GROUP_PREFIXES = (f"{GROUPS}/", f"{TENANTS}/")  # nothing else of a tenant is a member


def role_name(role_id: str, home: str = "") -> str:
    """``roles/{role}``, below its home."""
    return _below(home, ROLES, role_id)


def group_name(group_id: str, home: str = "") -> str:
    """``groups/{group}``, below its home."""
    return _below(home, GROUPS, group_id)


def binding_name(binding_id: str) -> str:
    """``bindings/{binding}``."""
    return _below("", BINDINGS, binding_id)


def home_of(name: str) -> str:
    """The tenant that owns a role or group, ``tenants/{tenant}``; empty where none does."""
    if not name.startswith(f"{TENANTS}/"):
        return ""
    return "/".join(name.split("/", 2)[:2])


def owned_by(home: str, resources: Mapping[str, Resource]) -> dict[str, Resource]:
    """Of roles or groups by name, those of one tenant; for the empty home, those that none owns."""
    return {name: each for name, each in resources.items() if home_of(name) == home}


def is_group(member: str) -> bool:
    """Whether a member of a binding or group is a group."""
    return member.startswith(_GROUP_PREFIXES)


def require_name(name: str, collection: str, *, field: str = "name") -> str:
    """The name, if it is one of the collection; InvalidArgumentError about ``field`` otherwise."""
    home = home_of(name)
    found, _, resource_id = name.removeprefix(f"{home}/").partition("/")
    if found != collection or not resource_id or "/" in resource_id:
        raise InvalidArgumentError(field, f"is not of the form {collection}/*")
    return name


def _below(home: str, collection: str, resource_id: str) -> str:
    return f"{home}/{collection}/{resource_id}" if home else f"{collection}/{resource_id}"
