"""What the writes of one transaction to a collection's records come to."""

import sqlalchemy as sa

from blrcs.application.ports.records import PlannedWrite
from blrcs.database.adapter import Transaction
from blrcs.database.repositories.plain_records import ADD, FIRST_REVISION, TELL
from blrcs.database.repositories.record_index import index_rows
from blrcs.database.repositories.record_lookup import StoredRecord
from blrcs.database.repositories.record_row import record_to_row, sealed_to_bytes
from blrcs.database.statement import Bound, Statement, insert_into
from blrcs.database.tables import record_changes, record_index, records
from blrcs.database.upsert import upsert
from blrcs.domain.collection import Collection
from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.record import MAX_BATCH_BYTES, ChangeKind, Record
from blrcs.domain.record_name import CollectionKey


def _this(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.tenant == sa.bindparam("of_tenant"),
        table.c.collection == sa.bindparam("of_collection"),
        table.c.record_id == sa.bindparam("of_id"),
    )


_PUT = upsert(records)
_GIVE = Statement(
    sa.update(record_changes)
    .where(
        record_changes.c.tenant == sa.bindparam("of_tenant"),
        record_changes.c.collection == sa.bindparam("of_collection"),
        record_changes.c.sequence == sa.bindparam("of_sequence"),
        record_changes.c.changed_at_ns == sa.bindparam("its_time_ns"),
    )
    .values(encoded=sa.bindparam("its_encoded"), sealed=sa.bindparam("its_sealed"))
)
_DELETE = Statement(sa.delete(records).where(_this(records)))
_UNINDEX = Statement(sa.delete(record_index).where(_this(record_index)))
_INDEX = insert_into(record_index)
_NUMBERS = {kind: kind.value for kind in ChangeKind}


class RecordStep:
    """Gathers what is to be written, then writes it.

    Attributes:
        sequence: The number of the last change.
        results: What the records are after it, in the order of the writes.

    Args:
        key: The collection's.
        sequence: The number of its last change before.
        purged: That of the last one that is kept no more.
        now_ns: Records that have expired by then are gone.
        collection: The collection, if it is known.
    """

    def __init__(
        self,
        key: CollectionKey,
        sequence: int,
        purged: int,
        now_ns: int,
        collection: Collection | None,
    ) -> None:
        self._key = key
        self._purged = purged
        # Of one that is not known there may be some; then records are only dropped.
        self._has_indexes = (
            collection is None or bool(collection.indexes) or collection.is_reindexed
        )
        self._may_have_leftovers = collection is not None and bool(
            collection.building or collection.retiring
        )
        self._indexes = () if collection is None else collection.maintained
        self._now_ns = now_ns
        self._given: list[Bound] = []
        self._added: list[Bound] = []
        self._put: list[Bound] = []
        self._deleted: list[Bound] = []
        self._unindexed: list[Bound] = []
        self._indexed: list[Bound] = []
        self._told: list[Bound] = []
        self._left_bytes = 0
        self.sequence = sequence
        self.results: list[Record | None] = []

    def take(self, write: PlannedWrite, found: StoredRecord | None) -> None:
        """Decides on one write; InvalidArgumentError where all together leave too much."""
        stored = None if found is None else found.record
        before = stored
        if stored is not None and stored.is_expired(self._now_ns):
            before = None
            self._tell(ChangeKind.EXPIRED, stored, None)
        after = write.decide(before)
        self._leave(after)
        if found is not None and after is not stored:
            self._replace(found)
        elif found is None and self._may_have_leftovers:
            # A server of before may have left entries of a record that it has deleted.
            self._unindex(write.record_id)
        if after is None:
            if stored is not None:
                of_id = stored.key.record
                self._deleted.append({**self._of_key(), "of_id": of_id})
            if before is not None:
                self._tell(ChangeKind.DELETED, before, None)
        elif after is not before:
            self._put.append(record_to_row(after))
            self._indexed.extend(index_rows(after, self._indexes))
            kind = ChangeKind.CREATED if before is None else ChangeKind.UPDATED
            self._tell(kind, after, after)

    def add(self, record: Record) -> None:
        """Has a record created of which nobody has looked if it is there; else as ``take``."""
        self._leave(record)
        # With the record's time, which tells that it is still the one that was created.
        self._tell(ChangeKind.CREATED, record, None, record.update_time_ns)
        self._added.append(record_to_row(record, self.sequence))
        if self._indexes:
            self._indexed.extend(index_rows(record, self._indexes))

    async def carry_out(self, transaction: Transaction) -> None:
        """Writes all of it.

        Raises:
            IntegrityViolationError: A record that was to be added is there.
        """
        for statement, rows in (
            (_GIVE, self._given),
            (_DELETE, self._deleted),
            (ADD, self._added),
            (_PUT, self._put),
            (_UNINDEX, self._unindexed),
            (_INDEX, self._indexed),
            (TELL, self._told),
        ):
            if rows:
                await transaction.execute_many(statement, rows)

    def _replace(self, found: StoredRecord) -> None:
        """Has a record that goes leave its image to the change that was told by it.

        Not if a server of before has changed it meanwhile: that leaves the number as it was.
        """
        stored, change_sequence = found
        if self._has_indexes:
            self._unindex(stored.key.record)
        if change_sequence is None or stored.revision != FIRST_REVISION:
            return
        if change_sequence > self._purged:
            self._given.append(
                {
                    **self._of_key(),
                    "of_sequence": change_sequence,
                    "its_time_ns": stored.update_time_ns,
                    "its_encoded": stored.encoded,
                    "its_sealed": sealed_to_bytes(stored.sealed),
                }
            )

    def _unindex(self, record_id: str) -> None:
        self._unindexed.append({**self._of_key(), "of_id": record_id})

    def _leave(self, after: Record | None) -> None:
        self.results.append(after)
        self._left_bytes += 0 if after is None else after.size_bytes
        if self._left_bytes > MAX_BATCH_BYTES and len(self.results) > 1:
            raise InvalidArgumentError(
                "writes",
                f"come to records of more than {MAX_BATCH_BYTES} bytes: write fewer at once",
                reason="BATCH_TOO_LARGE",
            )

    def _of_key(self) -> dict[str, str]:
        return {"of_tenant": self._key.tenant, "of_collection": self._key.collection}

    def _tell(
        self, kind: ChangeKind, record: Record, after: Record | None, at_ns: int | None = None
    ) -> None:
        self.sequence += 1
        # In the order of the table's columns.
        self._told.append(
            (
                *self._key,
                self.sequence,
                _NUMBERS[kind],
                record.key.record,
                self._now_ns if at_ns is None else at_ns,
                None if after is None else after.encoded,
                None if after is None else sealed_to_bytes(after.sealed),
            )
        )
