"""Proofs of keys that were used, in the database, for all machines that share it."""

from hashlib import sha256

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import IntegrityViolationError
from blrcs.database.statement import Statement
from blrcs.database.tables import spent_proofs

_SPEND = Statement(sa.insert(spent_proofs))
_PURGE = Statement(
    sa.delete(spent_proofs).where(spent_proofs.c.expires_at_ns <= sa.bindparam("before_ns"))
)


class StoredSpentProofs:
    """Implements SpentProofs."""

    def __init__(self, database: DatabaseAdapter, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def spend(self, name: str, ttl_ns: int) -> bool:
        """See SpentProofs."""
        try:
            await self._database.execute(
                _SPEND, id=sha256(name.encode()).digest(), expires_at_ns=self._clock() + ttl_ns
            )
        except IntegrityViolationError:
            return False
        return True

    async def purge(self) -> int:
        """Drops those that would be refused for their age, and returns how many they were."""
        return await self._database.execute(_PURGE, before_ns=self._clock())
