"""What is read at once, and what somebody else has to answer."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from blrcs.database.adapter import BlockingReader
from blrcs.database.repositories.record_at_once import _PLAIN, RecordsAtOnce
from blrcs.database.sqlite.reader import _with_rows
from blrcs.database.statement import Statement, insert_into
from blrcs.database.tables import records
from blrcs.domain.errors import UnavailableError

NOW_NS = 1000
IDS = {"tenant": "acme", "collection": "orders", "record_id": "7"}
ADD = insert_into(records)
SEAL = Statement(sa.update(records).values(sealed=sa.bindparam("sealed")))


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


async def test_what_was_found_before_is_looked_at_again(store):
    now_ns = NOW_NS
    async with store.open() as (database, reader):
        times = {"revision": 1, "create_time_ns": 0, "update_time_ns": 0, "change_sequence": None}
        row = {"sealed": None, "expire_time_ns": NOW_NS + 10, "encoded": b"x"}
        await database.execute(ADD, **IDS, **row, **times, document="{}")
        read = RecordsAtOnce(reader, lambda: now_ns).read
        assert [read("acme", "orders", "7") for _ in range(2)] == [b"x", b"x"]
        await database.execute(SEAL, sealed=b"{}")
        assert read("acme", "orders", "7") is None
        await database.execute(SEAL, sealed=None)
        assert read("acme", "orders", "7") == b"x"
        now_ns = NOW_NS + 10
        assert read("acme", "orders", "7") is None


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_what_was_found_before_needs_no_index(store):
    async with store.open():
        with_rows, again = _with_rows(_PLAIN)
        plans = []
        for sql in (with_rows, again):
            values = ("acme", "orders", "7", NOW_NS, 1)[: sql.count("?")]
            with closing(sqlite3.connect(store.folder / "blrcs.db")) as connection:
                plans.append(
                    str(connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
                )
    assert "USING INDEX" in plans[0]
    assert "USING INTEGER PRIMARY KEY (rowid=?)" in plans[1]


def test_where_the_database_is_away_nothing_is_read():
    read = RecordsAtOnce(Away(), lambda: NOW_NS).read
    assert read("acme", "orders", "7") is None
