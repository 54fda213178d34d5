"""Recorded decisions in the database."""

import hashlib
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Transaction
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import access_decisions as decisions
from blrcs.database.upsert import upsert_with
from blrcs.domain.decision import Decision

Counts = Mapping[tuple[str, str, str, bool], int]
"""How often it was decided that a principal has a permission on a resource, or has not."""

_LAST = decisions.c.last_seen_at_ns

_ADD = upsert_with(
    decisions,
    lambda added: {
        "count": decisions.c.count + added["count"],
        "last_seen_at_ns": added.last_seen_at_ns,
    },
)
_ALL = Statement(
    sa.select(decisions).order_by(_LAST.desc(), decisions.c.id).limit(sa.bindparam("most")),
    is_scan=True,
)
_BEYOND = Statement(
    sa.select(_LAST).order_by(_LAST.desc()).limit(1).offset(sa.bindparam("most")), is_scan=True
)
_DROP = Statement(sa.delete(decisions).where(sa.bindparam("until_ns") >= _LAST))


class SqlDecisionRepository:
    """The latest decisions, of which at most ``most`` that are different are kept."""

    def __init__(self, database: DatabaseAdapter, *, most: int) -> None:
        self._database = database
        self._most = most

    async def add(self, counts: Counts, now_ns: int) -> None:
        """Adds what was decided until now; the oldest go where there are too many."""

        async def run(transaction: Transaction) -> None:
            for key in sorted(counts):  # so that two processes cannot wait for each other
                await transaction.execute(_ADD, **_row(key, counts[key], now_ns))
            beyond = await transaction.fetch_one(_BEYOND, most=self._most)
            if beyond is not None:
                await transaction.execute(_DROP, until_ns=beyond.last_seen_at_ns)

        if counts:
            await self._database.run(run)

    async def latest(self, most: int) -> Sequence[Decision]:
        """The latest, the last one first."""
        return [_decision(row) for row in await self._database.fetch_all(_ALL, most=most)]


async def latest_decisions(transaction: Transaction, most: int) -> Sequence[Decision]:
    """Likewise, within somebody's transaction."""
    return [_decision(row) for row in await transaction.fetch_all(_ALL, most=most)]


def _decision(row: Row) -> Decision:
    return Decision(
        row.principal,
        row.permission,
        row.resource,
        bool(row.allowed),
        row.count,
        row.last_seen_at_ns,
    )


def _row(key: tuple[str, str, str, bool], count: int, now_ns: int) -> dict[str, object]:
    principal, permission, resource, allowed = key
    named = "\0".join((principal, permission, resource, str(allowed)))
    return {
        "id": hashlib.sha256(named.encode()).digest(),
        "principal": principal,
        "permission": permission,
        "resource": resource,
        "allowed": allowed,
        "count": count,
        "last_seen_at_ns": now_ns,
    }
