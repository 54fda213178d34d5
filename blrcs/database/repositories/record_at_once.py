"""Records by their ids where a read takes less than waiting for it would."""

from collections.abc import Callable

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import BlockingReader
from blrcs.database.repositories.record_lookup import THIS
from blrcs.database.statement import Statement
from blrcs.database.tables import records
from blrcs.domain.errors import UnavailableError

ReadAtOnce = Callable[[str, str, str], bytes | None]
"""Gives the record with these ids of a tenant, a collection and a record, as it is shown."""

# The database judges what else would be two columns more, which drivers describe at each call.
_PLAIN = Statement(
    sa.select(records.c.encoded)
    .where(THIS)
    .where(records.c.sealed.is_(None))
    .where(records.c.expire_time_ns.is_(None) | (records.c.expire_time_ns > sa.bindparam("now_ns")))
)
"""One that needs no key, and is there."""


_NAMES = ("of_tenant", "of_collection", "of_id", "now_ns")


class RecordsAtOnce:
    """Reads what needs nothing else: no key, and no error.

    Attributes:
        read: Gives a record, encoded; None where somebody else has to answer, whatever the reason.

    Args:
        reader: Of the database.
        clock: By which records expire.
    """

    def __init__(self, reader: BlockingReader, clock: Clock) -> None:
        self._find = reader.finder(_PLAIN, *_NAMES)
        self._clock = clock
        self.read: ReadAtOnce = reader.point(_PLAIN, *_NAMES, clock=clock) or self._found

    def _found(self, tenant: str, collection: str, record_id: str) -> bytes | None:
        try:
            row = self._find(tenant, collection, record_id, self._clock())
        except UnavailableError:
            return None
        return None if row is None else row[0]
