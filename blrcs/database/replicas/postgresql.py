"""Positions of PostgreSQL: places in its write-ahead log."""

import re
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import unavailable
from blrcs.database.replicas.position import Position, Positions
from blrcs.database.statement import Statement

PAGE_BYTES = 8192
PAGE_HEADS_BYTES = (24, 40)

_TOKEN = re.compile(r"wal\.([0-9a-f]{1,16})")
_ORIGIN = Statement(
    sa.select(
        sa.cast(sa.column("system_identifier"), sa.Text).label("origin"),
    ).select_from(sa.func.pg_control_system())
)
# Not what is written or flushed: a commit may be acknowledged before either.
_WRITTEN = Statement(sa.select(sa.func.pg_current_wal_insert_lsn().label("lsn")))
_APPLIED = Statement(
    sa.select(sa.case((sa.func.pg_is_in_recovery(), sa.func.pg_last_wal_replay_lsn())).label("lsn"))
)


@dataclass(frozen=True, slots=True)
class WalPosition(Position):
    """A place in the log.

    Attributes:
        lsn: Octets from its beginning (log sequence number).
    """

    lsn: int

    def covers(self, other: Self) -> bool:
        """See Position."""
        return self.lsn >= other.lsn

    @property
    def token(self) -> str:
        """See Position."""
        return f"wal.{self.lsn:x}"


class WalPositions(Positions):
    """By the functions that PostgreSQL has for it, which everybody may call."""

    async def origin(self, database: DatabaseAdapter) -> str:
        """See Positions: the number that ``initdb`` gives a cluster."""
        row = await database.fetch_one(_ORIGIN)
        return "" if row is None else str(row.origin)

    async def written(self, primary: DatabaseAdapter) -> WalPosition:
        """See Positions."""
        row = await primary.fetch_one(_WRITTEN)
        if row is None:
            raise unavailable()
        return WalPosition(end_of_record(row.lsn))

    async def applied(self, replica: DatabaseAdapter) -> WalPosition | None:
        """See Positions."""
        row = await replica.fetch_one(_APPLIED)
        return None if row is None or row.lsn is None else WalPosition(row.lsn)

    def parse(self, token: str) -> WalPosition | None:
        """See Positions."""
        match = _TOKEN.fullmatch(token)
        return None if match is None else WalPosition(int(match[1], 16))


def end_of_record(lsn: int) -> int:
    """Where the last record ends, of the place where the next one is to begin.

    At the end of a page that place is behind the head of the next, and a replica that has all stops
    before it.
    """
    into_page = lsn % PAGE_BYTES
    return lsn - into_page if into_page in PAGE_HEADS_BYTES else lsn
