"""Servers of before, which do not know that a change may have its image in the record."""

import pytest
import sqlalchemy as sa

from blrcs.database.adapter import Isolation
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import record_changes, record_feeds, records
from blrcs.domain.record import ChangeKind
from blrcs.v1 import record_pb2
from tests.integration.records.test_watching import Watch, told
from tests.integration.records.world import ORDERS, name_of, seconds
from tests.unit.api.refusals import refusal

LATER_NS = 1 << 60
LATER = record_pb2.Record(name=name_of("a"), etag="an older server's").SerializeToString()
_THIS = records.c.record_id == sa.bindparam("of_id")
_FEED = Statement(sa.select(record_feeds.c.sequence))
_UPDATE = Statement(
    sa.update(records)
    .where(_THIS)
    .values(encoded=LATER, revision=records.c.revision + 1, update_time_ns=LATER_NS)
)
_CREATE_ANEW = Statement(
    sa.update(records)
    .where(_THIS)
    .values(
        encoded=LATER,
        revision=1,
        create_time_ns=LATER_NS,
        update_time_ns=LATER_NS,
        expire_time_ns=None,
    )
)
_DELETE = Statement(sa.delete(records).where(_THIS))
_TELL = insert_into(record_changes)
_SETTLE = Statement(sa.update(record_feeds).values(sequence=sa.bindparam("last")))


class OlderServer:
    """Writes what one that knows no ``change_sequence`` does; there is one collection."""

    def __init__(self, database):
        self._database = database

    async def update(self, record_id):
        await self._write(_UPDATE, record_id, (ChangeKind.UPDATED, LATER))

    async def create_anew(self, record_id):
        """One that has expired."""
        told = ((ChangeKind.EXPIRED, None), (ChangeKind.CREATED, LATER))
        await self._write(_CREATE_ANEW, record_id, *told)

    async def delete(self, record_id):
        await self._write(_DELETE, record_id, (ChangeKind.DELETED, None))

    async def _write(self, statement, record_id, *told):
        tenant, collection = ORDERS.split("/")[1::2]

        async def operation(transaction):
            sequence = (await transaction.fetch_one(_FEED)).sequence
            await transaction.execute(statement, of_id=record_id)
            for kind, image in told:
                sequence += 1
                row = (tenant, collection, sequence, kind.value, record_id, LATER_NS, image, None)
                await transaction.execute_many(_TELL, [row])
            await transaction.execute(_SETTLE, last=sequence)

        await self._database.run(operation, isolation=Isolation.READ_COMMITTED)


@pytest.fixture
async def older(store, world):
    async with store.open() as (database, _):
        yield OlderServer(database)


@pytest.mark.parametrize("way", ["update", "create_anew", "delete"])
async def test_a_creation_that_an_older_server_has_changed_is_missed_and_never_another(
    world, older, way
):
    watch = await Watch.begin(world)
    start = watch.started.resume_token
    first = await world.create("first")
    await world.create("a", {"n": 1}, ttl=seconds(3600))
    events = await watch.take(2)
    await watch.end()
    await getattr(older, way)("a")
    # Also once a server of this version has had the record leave its image.
    for _ in range(2):
        watch = await Watch.begin(world, start)
        assert [each.record for each in await watch.take(1)] == [first]
        assert await refusal(watch.take(1)) == ("OUT_OF_RANGE", "CHANGES_MISSED")
        # Those that come after it are told.
        watch = await Watch.begin(world, events[1].resume_token)
        assert told(await watch.take(1))[0][1] == "a"
        await watch.end()
        await world.update("a", {"n": 3}, allow_missing=True)
