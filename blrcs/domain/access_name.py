"""Resource names of roles, groups and bindings."""

from blrcs.domain.errors import InvalidArgumentError

ROLES = "roles"
GROUPS = "groups"
BINDINGS = "bindings"


def role_name(role_id: str) -> str:
    """``roles/{role}``."""
    return f"{ROLES}/{role_id}"


def group_name(group_id: str) -> str:
    """``groups/{group}``."""
    return f"{GROUPS}/{group_id}"


def binding_name(binding_id: str) -> str:
    """``bindings/{binding}``."""
    return f"{BINDINGS}/{binding_id}"


def require_name(name: str, collection: str, *, field: str = "name") -> str:
    """The name, if it is one of the collection; InvalidArgumentError about ``field`` otherwise."""
    found, _, resource_id = name.partition("/")
    if found != collection or not resource_id or "/" in resource_id:
        raise InvalidArgumentError(field, f"is not of the form {collection}/*")
    return name
