"""What is read at once, and what somebody else has to answer."""

import pytest

from blrcs.database.adapter import BlockingReader
from blrcs.database.repositories.record_at_once import RecordsAtOnce
from blrcs.database.statement import insert_into
from blrcs.database.tables import records
from blrcs.domain.errors import UnavailableError

NOW_NS = 1000
IDS = {"tenant": "acme", "collection": "orders", "record_id": "7"}
ADD = insert_into(records)


class Away(BlockingReader):
    def fetch_one(self, statement, /, **params):
        raise UnavailableError("DATABASE_UNAVAILABLE", "away")

    def fetch_all(self, statement, /, **params):
        raise NotImplementedError

    def run(self, operation):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("sealed", "expire_time_ns", "found"),
    [
        (None, None, b"x"),
        (None, NOW_NS + 1, b"x"),
        (None, NOW_NS, None),
        (b"{}", None, None),
        (b"{}", NOW_NS + 1, None),
    ],
    ids=["there", "not yet expired", "expired", "sealed", "sealed and not yet expired"],
)
async def test_only_what_needs_nothing_else_is_read(store, sealed, expire_time_ns, found):
    async with store.open() as (database, reader):
        row = {"sealed": sealed, "expire_time_ns": expire_time_ns, "encoded": b"x"}
        times = {"revision": 1, "create_time_ns": 0, "update_time_ns": 0, "change_sequence": None}
        await database.execute(ADD, **IDS, **row, **times, document="{}")
        read = RecordsAtOnce(reader, lambda: NOW_NS).read
        assert read("acme", "orders", "7") == found
        assert read("acme", "orders", "8") is None


def test_where_the_database_is_away_nothing_is_read():
    read = RecordsAtOnce(Away(), lambda: NOW_NS).read
    assert read("acme", "orders", "7") is None
