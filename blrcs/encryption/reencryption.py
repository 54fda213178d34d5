"""Encrypting anew, with the keys in force, what was encrypted with others."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from blrcs.application.ports.records import CollectionChangedError
from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.repositories.collection import SqlCollectionRepository
from blrcs.database.repositories.record_feed import goes_by, lock_feed
from blrcs.database.repositories.record_row import sealed_from_bytes, sealed_to_bytes
from blrcs.database.repositories.settings import stored
from blrcs.database.statement import Row, Statement
from blrcs.database.tables import record_changes, records
from blrcs.domain.collection import Collection
from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from blrcs.domain.identity_name import USERS, user_name
from blrcs.domain.record import Sealed
from blrcs.domain.record_name import RecordKey
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_ring import KeyRing
from blrcs.encryption.key_store import KeyStore, put_setting
from blrcs.encryption.server_values import ServerValues
from blrcs.encryption.stored_key import KeyPurpose

POSITION = "reencryption"
BATCH_ROWS = 200


def _of(table: sa.Table) -> sa.ColumnElement[bool]:
    return (table.c.tenant == sa.bindparam("of_tenant")) & (
        table.c.collection == sa.bindparam("of_collection")
    )


def _page(table: sa.Table, key: sa.Column[Any], *columns: sa.Column[Any]) -> Statement:
    return Statement(
        sa.select(key.label("place"), table.c.record_id, table.c.sealed, *columns)
        .where(
            _of(table),
            key > sa.bindparam("after"),
            key <= sa.bindparam("last"),
            table.c.sealed.is_not(None),
        )
        .order_by(key)
        .limit(BATCH_ROWS)
    )


def _extent(table: sa.Table, key: sa.Column[Any]) -> Statement:
    columns: list[sa.ColumnElement[Any]] = [
        sa.func.count().label("count"),
        sa.func.max(key).label("last"),
    ]
    return Statement(sa.select(*columns).where(_of(table), table.c.sealed.is_not(None)))


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where sealed values are kept, and how one row is put in the place of what it was."""

    name: str
    first: Any
    extent: Statement
    page: Statement
    put: Statement
    precondition: Callable[[Row], Mapping[str, object]]


_RECORDS = _Kept(
    "records",
    "",
    _extent(records, records.c.record_id),
    _page(records, records.c.record_id, records.c.revision, records.c.create_time_ns),
    # What was written since was written with the keys in force, and stays as it is.
    Statement(
        sa.update(records)
        .where(
            _of(records),
            records.c.record_id == sa.bindparam("of_place"),
            records.c.create_time_ns == sa.bindparam("of_create_time_ns"),
            records.c.revision == sa.bindparam("of_revision"),
        )
        .values(sealed=sa.bindparam("new_sealed"))
    ),
    lambda row: {"of_create_time_ns": row.create_time_ns, "of_revision": row.revision},
)
_CHANGES = _Kept(
    "changes",
    -1,
    _extent(record_changes, record_changes.c.sequence),
    _page(record_changes, record_changes.c.sequence),
    Statement(
        sa.update(record_changes)
        .where(_of(record_changes), record_changes.c.sequence == sa.bindparam("of_place"))
        .values(sealed=sa.bindparam("new_sealed"))
    ),
    lambda _: {},
)


@dataclass(frozen=True, slots=True)
class Position:
    """How far it has come: all before is done.

    Attributes:
        rotations: Which ones there had been when it began; after another, what was done counts
            no more.
        refused: Rows among what is done of which a value cannot be opened.
    """

    tenant: str
    collection: str
    kept: str
    after: str | int
    rotations: str = ""
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What was done.

    Attributes:
        name: Of the collection; ``users`` where it is about these.
        kept: ``records``, or ``changes`` for what watchers are told of them; of users ``factors``,
            of the server ``signing keys``.
        done: Rows looked at in this run.
        total: Rows that there were.
        sealed_anew: Values encrypted anew.
        refused: Names of records, or users, of which a value cannot be opened; it stays as it is.
    """

    name: str
    kept: str
    done: int
    total: int
    sealed_anew: int
    refused: tuple[str, ...]


class Reencryption:
    """Goes through all records and second factors, while servers read and write.

    A batch is one transaction. Where it has come to in the records is stored with every batch:
    after it was killed the next run goes on from there, unless keys were rotated since. Etags,
    times and watchers see nothing of it.

    Args:
        database: Where they are.
        keys: Those to use.
        pause_s: How long it rests after each batch.

    Attributes:
        refused: Rows and users of which a value could not be opened: those that the present run has
            told of, and those that the runs had before that it goes on with.
    """

    def __init__(self, database: DatabaseAdapter, keys: DataKeys, *, pause_s: float = 0.0) -> None:
        self._database = database
        self._keys = keys
        self._pause_s = pause_s
        self.refused = 0
        self._collections = SqlCollectionRepository(database)

    async def position(self) -> Position | None:
        """Where the last run came to, if it did not come to its end, and no keys are newer."""
        return await self._position(await self._rotations())

    async def _position(self, rotations: str) -> Position | None:
        found = await stored(self._database, POSITION)
        position = Position(**orjson.loads(found)) if found else None
        return position if position is not None and position.rotations == rotations else None

    async def _rotations(self) -> str:
        """Which ones there were of keys that seal: another value after each."""
        rotated = sorted(
            key.key_id
            for key in await KeyStore(self._database).all()
            if key.purpose is KeyPurpose.SEAL and key.version > 1
        )
        return hashlib.sha256(b"".join(rotated)).hexdigest()

    async def run(self) -> AsyncIterator[Progress]:
        """Does all of it, and tells of each batch.

        Raises:
            FailedPreconditionError: The master key is missing. Of tenants whose keys were destroyed
                nothing is done.
        """
        rotations = await self._rotations()
        begin = await self._position(rotations)
        self.refused = 0 if begin is None else begin.refused
        for collection in await self._collections.with_sealed_fields():
            place = collection.key
            if begin is not None and place < (begin.tenant, begin.collection):
                continue
            resumed = begin if begin and place == (begin.tenant, begin.collection) else None
            async for progress in self._collection(collection, resumed, rotations):
                yield progress
        await self._database.run(lambda transaction: put_setting(transaction, POSITION, b""))
        async for progress in self._server():
            yield progress

    async def _server(self) -> AsyncIterator[Progress]:
        values = ServerValues(self._database, self._keys, pause_s=self._pause_s)
        total, done = await values.count(), 0
        async for count, anew, refused in values.run():
            done += count
            names = tuple(map(user_name, refused))
            self.refused += len(names)
            yield Progress(USERS, "factors", done, total, anew, names)
        if await values.signing_keys():
            yield Progress("the server", "signing keys", 1, 1, 1, ())

    async def _collection(
        self, collection: Collection, resumed: Position | None, rotations: str
    ) -> AsyncIterator[Progress]:
        for kept in (_RECORDS, _CHANGES):
            if resumed is not None and resumed.kept == "changes" and kept is _RECORDS:
                continue
            is_here = resumed is not None and resumed.kept == kept.name
            after = resumed.after if resumed is not None and is_here else kept.first
            async for progress in self._rows(collection, kept, after, rotations):
                yield progress

    async def _rows(
        self, collection: Collection, kept: _Kept, after: Any, rotations: str
    ) -> AsyncIterator[Progress]:
        of = {"of_tenant": collection.key.tenant, "of_collection": collection.key.collection}
        (extent,) = await self._database.fetch_all(kept.extent, **of)
        done = 0
        # What comes after the last one of now is written with the keys in force. Whoever followed
        # it would never come to an end where others write all the time.
        while rows := await self._database.fetch_all(
            kept.page, **of, after=after, last=extent.last
        ):
            now = await self._collections.get(collection.key)
            if now is None:
                return
            try:
                # As they are now: a rotation in between is nothing to worry about.
                ring = await self._keys.ring(now.key, now.data_key)
            except FailedPreconditionError as error:
                if error.reason == "ENCRYPTION_KEYS_DESTROYED":
                    return
                raise
            puts, refused, sealed_anew = [], [], 0
            for row in rows:
                try:
                    sealed, count = _anew(ring, collection.key.record(row.record_id), row.sealed)
                except FailedPreconditionError:
                    refused.append(collection.key.record(row.record_id).name)
                    continue
                if count:
                    sealed_anew += count
                    own = {"of_place": row.place, "new_sealed": sealed_to_bytes(sealed)}
                    puts.append({**of, **own, **kept.precondition(row)})
            in_all = self.refused + len(refused)
            position = Position(*collection.key, kept.name, rows[-1].place, rotations, in_all)
            try:
                await self._put(now, kept, puts, position)
            except CollectionChangedError:
                continue  # maybe it has other keys
            except NotFoundError:
                return
            after, self.refused = position.after, in_all
            done += len(rows)
            yield Progress(
                collection.name, kept.name, done, extent.count, sealed_anew, tuple(refused)
            )
            await asyncio.sleep(self._pause_s)

    async def _put(
        self,
        collection: Collection,
        kept: _Kept,
        puts: list[dict[str, object]],
        position: Position,
    ) -> None:
        """Writes what was sealed with the keys of that revision, as all who write records do."""

        async def operation(transaction: Transaction) -> None:
            feed = await lock_feed(self._database.dialect, transaction, collection.key, claimed=0)
            if not goes_by(feed, collection):
                raise CollectionChangedError
            if puts:
                await transaction.execute_many(kept.put, puts)
            await put_setting(transaction, POSITION, orjson.dumps(asdict(position)))

        await self._database.run(operation, isolation=Isolation.READ_COMMITTED)


def _anew(ring: KeyRing, record: RecordKey, stored_bytes: bytes) -> tuple[Sealed, int]:
    """What a record's sealed values shall be, and how many of them were sealed anew."""
    found = sealed_from_bytes(stored_bytes) or {}
    others = {path: each for path, each in found.items() if not ring.is_sealed_by_active(each)}
    anew = {
        path: ring.seal(record, path, ring.open(record, path, each))
        for path, each in others.items()
    }
    return {**found, **anew}, len(anew)
