"""Roles, groups and bindings in the database."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from blrcs.database.adapter import BlockingReader, DatabaseAdapter, Transaction
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import bindings, groups, roles, settings
from blrcs.database.upsert import upsert
from blrcs.domain.access_name import (
    TENANTS,
    binding_name,
    group_name,
    home_of,
    role_name,
)
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding, Effect
from blrcs.domain.condition.condition import Condition
from blrcs.domain.group import Group
from blrcs.domain.role import Role

EPOCH = "access_epoch"
EPOCH_BYTES = 8
# As many as may have to wait for each other, one worker of a machine each.
CHANGE_ATTEMPTS = 20

Values = Mapping[str, object]


def _delete(table: sa.Table) -> Statement:
    return Statement(sa.delete(table).where(table.c.id == sa.bindparam("of_id")))


_ROLES = Statement(sa.select(roles))
_GROUPS = Statement(sa.select(groups))
_BINDINGS = Statement(sa.select(bindings))
_EPOCH = Statement(sa.select(settings.c.value).where(settings.c.key == EPOCH))
_PUT_EPOCH = upsert(settings)
_PUT = {"roles": upsert(roles), "groups": upsert(groups), "bindings": upsert(bindings)}
_DELETE = {"roles": _delete(roles), "groups": _delete(groups), "bindings": _delete(bindings)}


class SqlAccessRepository:
    """The policy as a whole: a change reads it, and writes what differs."""

    def __init__(self, database: DatabaseAdapter, reader: BlockingReader) -> None:
        self._database = database
        self._reader = reader
        # Every change reads all and moves one epoch, so that two at once always meet.
        self._one_change = asyncio.Lock()

    def load(self) -> AccessPolicy:
        """The policy stored. Reads it at once."""
        return self._reader.run(load_policy)

    def epoch(self) -> int:
        """That of the policy stored."""
        row = self._reader.fetch_one(_EPOCH)
        return 0 if row is None else int.from_bytes(row.value, "big")

    async def newer_than(self, epoch: int) -> AccessPolicy | None:
        """The policy stored, where it is not the one of the epoch or before it."""
        row = await self._database.fetch_one(_EPOCH)
        if row is None or int.from_bytes(row.value, "big") <= epoch:
            return None
        return await self._database.run(load_policy, read_only=True)

    async def change(
        self,
        operation: Callable[[AccessPolicy], AccessPolicy],
        check: Callable[[AccessPolicy], object],
    ) -> AccessPolicy:
        """Replaces the policy by what ``operation`` makes of it, if ``check`` does not raise."""

        async def run(transaction: Transaction) -> AccessPolicy:
            return await change_policy(transaction, operation, check)

        async with self._one_change:
            return await self._database.run(run, attempts=CHANGE_ATTEMPTS)


async def load_policy(transaction: Transaction) -> AccessPolicy:
    """The policy stored."""
    epoch = await transaction.fetch_one(_EPOCH)
    return AccessPolicy(
        roles={role.name: role for role in map(_role, await transaction.fetch_all(_ROLES))},
        groups={group.name: group for group in map(_group, await transaction.fetch_all(_GROUPS))},
        bindings={
            each.name: each for each in map(_binding, await transaction.fetch_all(_BINDINGS))
        },
        epoch=0 if epoch is None else int.from_bytes(epoch.value, "big"),
    )


async def change_policy(
    transaction: Transaction,
    operation: Callable[[AccessPolicy], AccessPolicy],
    check: Callable[[AccessPolicy], object],
) -> AccessPolicy:
    """As AccessRepository.change, within somebody's transaction."""
    old = await load_policy(transaction)
    new = operation(old)
    if new.epoch == old.epoch:
        return old
    check(new)
    for name, was, now in (
        ("roles", _rows(old.roles), _rows(new.roles)),
        ("groups", _rows(old.groups), _rows(new.groups)),
        ("bindings", _rows(old.bindings), _rows(new.bindings)),
    ):
        await _write(transaction, name, was, now)
    await transaction.execute(_PUT_EPOCH, key=EPOCH, value=new.epoch.to_bytes(EPOCH_BYTES, "big"))
    return new


async def _write(
    transaction: Transaction, table: str, was: Mapping[str, Values], now: Mapping[str, Values]
) -> None:
    for name in was.keys() - now.keys():
        await transaction.execute(_DELETE[table], of_id=_id(name))
    for name, values in now.items():
        if was.get(name) != values:
            await transaction.execute(_PUT[table], **values)


def _rows(resources: Mapping[str, Role | Group | Binding]) -> dict[str, Values]:
    return {name: _to_row(resource) for name, resource in resources.items()}


def _to_row(resource: Role | Group | Binding) -> Values:
    values: dict[str, object] = {
        "id": _id(resource.name),
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


def _role(row: Row) -> Role:
    return Role(
        name=role_name(*_owned(row)),
        display_name=row.display_name,
        permissions=_texts(row.permissions),
        included_roles=_texts(row.included_roles),
        **_history(row),
    )


def _group(row: Row) -> Group:
    return Group(
        name=group_name(*_owned(row)),
        display_name=row.display_name,
        members=_texts(row.members),
        **_history(row),
    )


def _binding(row: Row) -> Binding:
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


def _id(name: str) -> str:
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
