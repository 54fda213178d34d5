"""Roles, groups and bindings as rows."""

from collections.abc import Mapping
from typing import Any

import orjson

from blrcs.database.statement import Row
from blrcs.domain.access_name import (
    TENANTS,
    binding_name,
    group_name,
    home_of,
    role_name,
)
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.condition.condition import Condition
from blrcs.domain.group import Group
from blrcs.domain.role import Role

Values = Mapping[str, object]


def to_row(resource: Role | Group | Binding) -> Values:
    """All columns of its table."""
    values: dict[str, object] = {
        "id": id_of(resource.name),
        "created_at_ns": resource.create_time_ns,
        "updated_at_ns": resource.update_time_ns,
        "revision": resource.revision,
    }
    match resource:
        case Role():
            values["display_name"] = resource.display_name
            values["permissions"] = _text(resource.permissions)
            values["included_roles"] = _text(resource.included_roles)
        case Group():
            values["display_name"] = resource.display_name
            values["members"] = _text(resource.members)
        case Binding():
            values["role"] = resource.role
            values["members"] = _text(resource.members)
            values["resource"] = resource.resource
            values["expires_at_ns"] = resource.expire_time_ns
            values["effect"] = resource.effect.value
            values["condition_json"] = _condition_text(resource.condition)
    return values


def role_of(row: Row) -> Role:
    """The role of a row."""
    return Role(
        name=role_name(*_owned(row)),
        display_name=row.display_name,
        permissions=_texts(row.permissions),
        included_roles=_texts(row.included_roles),
        **_history(row),
    )


def group_of(row: Row) -> Group:
    """The group of a row."""
    return Group(
        name=group_name(*_owned(row)),
        display_name=row.display_name,
        members=_texts(row.members),
        **_history(row),
    )


def binding_of(row: Row) -> Binding:
    """The binding of a row."""
    return Binding(
        name=binding_name(row.id),
        role=row.role,
        members=_texts(row.members),
        resource=row.resource,
        expire_time_ns=row.expires_at_ns,
        effect=Effect(row.effect),
        condition=_condition(row.condition_json),
        **_history(row),
    )


def _condition_text(condition: Condition | None) -> str | None:
    if condition is None:
        return None
    return _text((condition.expression, condition.title, condition.description))


def _condition(text: str | None) -> Condition | None:
    return None if text is None else Condition(*_texts(text))


def _history(row: Row) -> dict[str, Any]:
    return {
        "create_time_ns": row.created_at_ns,
        "update_time_ns": row.updated_at_ns,
        "revision": row.revision,
    }


def id_of(name: str) -> str:
    """The last segment of a name; below that of the tenant, where one owns it."""
    own = name.rpartition("/")[2]
    home = home_of(name)
    return f"{home.rpartition('/')[2]}/{own}" if home else own


def _owned(row: Row) -> tuple[str, str]:
    """The last segment, and the tenant that owns it."""
    tenant, _, own = row.id.rpartition("/")
    return own, f"{TENANTS}/{tenant}" if tenant else ""


def _text(values: tuple[str, ...]) -> str:
    return orjson.dumps(values).decode()


def _texts(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))
