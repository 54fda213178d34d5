"""Records of several callers by one query."""

from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.application.ports.clock import Clock
from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.keyed_rows import KeyedRows
from blrcs.database.statement import Row
from blrcs.database.tables import records

MAX_BYTES = 65_536
"""What is larger goes alone: answers of many at a time would fill the memory."""

_KEY = (records.c.tenant, records.c.collection, records.c.record_id)
_SHOWN = KeyedRows(
    sa.select(
        *_KEY,
        sa.case(
            (records.c.sealed.is_not(None), sa.null()),
            # Known without reading it, where it lies apart from its row.
            (
                sa.func.octet_length(records.c.encoded) > sa.literal_column(str(MAX_BYTES)),
                sa.literal_column("''"),
            ),
            else_=records.c.encoded,
        ).label("encoded"),
    ).where(
        records.c.expire_time_ns.is_(None) | (records.c.expire_time_ns > sa.bindparam("now_ns"))
    ),
    *_KEY,
)


class RecordsTogether:
    """Reads what is shown of records, whoever asks for them.

    Args:
        database: Where they are; what is read is committed, and of the moment at which it is read.
        clock: By which records expire.
    """

    def __init__(self, database: DatabaseAdapter, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, keys: Sequence[tuple[str, str, str]]) -> Sequence[Row] | None:
        """The three ids of each that there is, and the record encoded, in no particular order.

        Instead of one with sealed values, which have to be opened first, there is None; instead of
        one with more than ``MAX_BYTES``, no octet.

        Returns:
            None where connections have to be waited for: each caller does so for as long as it has
            time itself.

        Raises:
            DomainError: See DatabaseAdapter.
        """
        database = self._database
        if not database.is_free:
            return None
        return await _SHOWN.fetch(database, database.dialect.name, keys, now_ns=self._clock())
