"""Positions of MariaDB: global transaction identifiers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import unavailable
from blrcs.database.replicas.position import MAX_TOKEN_LENGTH, Position, Positions
from blrcs.database.statement import Statement

_PREFIX = "gtid."
_GTID = re.compile(r"([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,20})")
_WRITTEN = Statement(sa.select(sa.literal_column("@@global.gtid_binlog_pos").label("gtids")))
_APPLIED = Statement(sa.select(sa.literal_column("@@global.gtid_slave_pos").label("gtids")))


@dataclass(frozen=True, slots=True)
class GtidPosition(Position):
    """How many transactions of each domain there are.

    Attributes:
        transactions: The last one's number, by domain.
        text: As MariaDB writes it: ``domain-server-number``, with commas between domains.
    """

    transactions: Mapping[int, int]
    text: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Reads what MariaDB writes; None where it is nothing like that."""
        matches = [_GTID.fullmatch(part) for part in text.split(",")] if text else []
        found = [match for match in matches if match is not None]
        if len(found) < len(matches):
            return None
        return cls({int(match[1]): int(match[3]) for match in found}, text)

    def covers(self, other: Self) -> bool:
        """See Position."""
        return all(
            self.transactions.get(domain, 0) >= number
            for domain, number in other.transactions.items()
        )

    @property
    def token(self) -> str:
        """See Position."""
        return f"{_PREFIX}{self.text}"


class GtidPositions(Positions):
    """By the variables in which MariaDB keeps them; the primary needs its binary log."""

    async def origin(self, database: DatabaseAdapter) -> str:
        """See Positions: MariaDB does not tell."""
        del database
        return ""

    async def written(self, primary: DatabaseAdapter) -> GtidPosition:
        """See Positions."""
        position = await self._read(primary, _WRITTEN)
        if position is None:
            raise unavailable()
        return position

    async def applied(self, replica: DatabaseAdapter) -> GtidPosition | None:
        """See Positions."""
        position = await self._read(replica, _APPLIED)
        # One that has never replicated has none, and would pass for a replica of an empty primary.
        return position if position is not None and position.transactions else None

    def parse(self, token: str) -> GtidPosition | None:
        """See Positions."""
        if len(token) > MAX_TOKEN_LENGTH or not token.startswith(_PREFIX):
            return None
        return GtidPosition.read(token.removeprefix(_PREFIX))

    async def _read(self, database: DatabaseAdapter, statement: Statement) -> GtidPosition | None:
        row = await database.fetch_one(statement)
        text = "" if row is None else row.gtids
        return GtidPosition.read(text.decode() if isinstance(text, bytes) else text)
