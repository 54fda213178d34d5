"""Roles, groups and bindings in the database."""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from blrcs.database.adapter import BlockingReader, DatabaseAdapter, Transaction
from blrcs.database.repositories.access_changes import changed_since, note_change
from blrcs.database.repositories.access_row import (
    binding_of,
    group_of,
    id_of,
    role_of,
    to_row,
)
from blrcs.database.repositories.administrators import keep_administrator
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import bindings, groups, roles, settings
from blrcs.database.upsert import upsert
from blrcs.domain.access_difference import changed_names
from blrcs.domain.access_name import home_of
from blrcs.domain.access_policy import AccessPolicy
from blrcs.domain.binding import Binding
from blrcs.domain.group import Group
from blrcs.domain.policy_rules import FOR_EVER_NS
from blrcs.domain.role import Role

EPOCH = "access_epoch"
EPOCH_BYTES = 8
STAMP = "access_stamp"
RANDOM_BYTES = 16
# As many as may have to wait for each other, one worker of a machine each.
CHANGE_ATTEMPTS = 20

_TABLES = {"roles": roles, "groups": groups, "bindings": bindings}
_OF_ROW: Mapping[str, Callable[[Row], Any]] = {
    "roles": role_of,
    "groups": group_of,
    "bindings": binding_of,
}
_ALL = {kind: Statement(sa.select(table)) for kind, table in _TABLES.items()}
_ONE = {
    kind: Statement(sa.select(table).where(table.c.id == sa.bindparam("of_id")))
    for kind, table in _TABLES.items()
}
_PUT = {kind: upsert(table) for kind, table in _TABLES.items()}
_DELETE = {
    kind: Statement(sa.delete(table).where(table.c.id == sa.bindparam("of_id")))
    for kind, table in _TABLES.items()
}
_stamps = settings.alias()
_EPOCH = Statement(
    sa.select(settings.c.value, _stamps.c.value.label("stamp"))
    .select_from(settings.outerjoin(_stamps, _stamps.c.key == STAMP))
    .where(settings.c.key == EPOCH)
)
_PUT_EPOCH = upsert(settings)


class SqlAccessRepository:
    """The policy as a whole: a change reads what is not known of it, and writes what differs."""

    def __init__(self, database: DatabaseAdapter, reader: BlockingReader) -> None:
        self._database = database
        self._reader = reader
        # Every change reads and moves one epoch, so that two at once always meet.
        self._one_change = asyncio.Lock()

    def load(self, known: AccessPolicy | None = None) -> AccessPolicy:
        """The policy stored; see ``load_policy``. Reads it at once."""
        return self._reader.run(partial(load_policy, known=known))

    def stores(self, known: AccessPolicy) -> bool:
        """Whether that is the policy stored. Looks at once."""
        return _epoch(self._reader.fetch_one(_EPOCH)) == (known.epoch, known.stamp)

    async def other_than(self, known: AccessPolicy) -> AccessPolicy | None:
        """The policy stored, where it is not the known one.

        Its epoch is lower where the database was put back.
        """
        if _epoch(await self._database.fetch_one(_EPOCH)) == (known.epoch, known.stamp):
            return None
        return await self._database.run(partial(load_policy, known=known), read_only=True)

    async def require_administrator(
        self, before: AccessPolicy, after: AccessPolicy, now_ns: int
    ) -> None:
        """Raises what ``change`` would of administrators; nothing is changed."""

        async def run(transaction: Transaction) -> None:
            await keep_administrator(transaction, before, after, now_ns)

        await self._database.run(run, read_only=True)

    async def change(
        self,
        operation: Callable[[AccessPolicy], AccessPolicy],
        check: Callable[[AccessPolicy], object],
        known: AccessPolicy | None = None,
        *,
        now_ns: int = FOR_EVER_NS,
    ) -> AccessPolicy:
        """Replaces the policy by what ``operation`` makes of it, if ``check`` does not raise.

        Raises FailedPreconditionError as ``keep_administrator`` does.
        """

        async def run(transaction: Transaction) -> AccessPolicy:
            return await change_policy(transaction, operation, check, known, now_ns=now_ns)

        async with self._one_change:
            return await self._database.run(run, attempts=CHANGE_ATTEMPTS)


async def load_policy(transaction: Transaction, known: AccessPolicy | None = None) -> AccessPolicy:
    """The policy stored. Of a known one, what has not changed since is not read again.

    It has then the very objects of the known one, and is that itself where nothing has changed. All
    is read where the database was put back to before the known one.
    """
    epoch, stamp = _epoch(await transaction.fetch_one(_EPOCH))
    if known is not None:
        if (epoch, stamp) == (known.epoch, known.stamp):
            return known
        names = await changed_since(transaction, known, epoch)
        if names is not None:
            found = await _read_changed(transaction, known, names)
            return AccessPolicy(**found, epoch=epoch, stamp=stamp)
    found = {
        kind: {each.name: each for each in map(_OF_ROW[kind], await transaction.fetch_all(all_))}
        for kind, all_ in _ALL.items()
    }
    return AccessPolicy(**found, epoch=epoch, stamp=stamp)


async def change_policy(
    transaction: Transaction,
    operation: Callable[[AccessPolicy], AccessPolicy],
    check: Callable[[AccessPolicy], object],
    known: AccessPolicy | None = None,
    *,
    now_ns: int = FOR_EVER_NS,
) -> AccessPolicy:
    """As SqlAccessRepository.change, within somebody's transaction."""
    old = await load_policy(transaction, known)
    new = operation(old)
    if new.epoch == old.epoch:
        return old
    number = new.epoch.to_bytes(EPOCH_BYTES, "big")
    new = replace(new, stamp=number + os.urandom(RANDOM_BYTES))
    check(new)
    changed = {
        kind: sorted(changed_names(getattr(old, kind), getattr(new, kind))) for kind in _TABLES
    }
    if any(_of_root(getattr(each, kind), changed[kind]) for each in (old, new) for kind in _TABLES):
        await keep_administrator(transaction, old, new, now_ns)
    written: set[str] = set()
    for kind, names in changed.items():
        now = getattr(new, kind)
        for name in names:
            written.add(name)
            if name in now:
                await transaction.execute(_PUT[kind], **to_row(now[name]))
            else:
                await transaction.execute(_DELETE[kind], of_id=id_of(name))
    await note_change(transaction, old, new.epoch, written)
    rows = [{"key": EPOCH, "value": number}, {"key": STAMP, "value": new.stamp}]
    await transaction.execute_many(_PUT_EPOCH, rows)
    return new


def _of_root(stored: Mapping[str, Role | Group | Binding], names: Iterable[str]) -> bool:
    """Whether some of them may make somebody administrator: what lies in tenants does not."""
    found = (stored[name] for name in names if name in stored)
    return any(
        not home_of(each.resource if isinstance(each, Binding) else each.name) for each in found
    )


async def _read_changed(
    transaction: Transaction, known: AccessPolicy, names: set[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {kind: dict(getattr(known, kind)) for kind in _TABLES}
    for name in names:
        kind = name.split("/")[-2]
        row = await transaction.fetch_one(_ONE[kind], of_id=id_of(name))
        if row is None:
            found[kind].pop(name, None)
        else:
            found[kind][name] = _OF_ROW[kind](row)
    return found


def _epoch(row: Row | None) -> tuple[int, bytes]:
    """The epoch stored, and its stamp."""
    if row is None:
        return 0, b""
    number = bytes(row.value)
    stamp = b"" if row.stamp is None else bytes(row.stamp)
    # A version before stamps moves the number alone.
    return int.from_bytes(number, "big"), stamp if stamp.startswith(number) else b""
