"""Rows that go several to a statement arrive as they would one by one."""

import sqlite3
from contextlib import closing

import pytest
import sqlalchemy as sa

from blrcs.database.sqlite.load import FEWEST_ROWS, load_rows, target_of

TABLE = sa.Table(
    "rows", sa.MetaData(), *(sa.Column(name) for name in ("owner", "id", "number", "octets"))
)
TARGET = target_of(TABLE)
ONE = f"INSERT INTO {TARGET} VALUES (?, ?, ?, ?)"
READ = "SELECT * FROM rows ORDER BY id"


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        columns = "owner TEXT, id INTEGER PRIMARY KEY, number ANY, octets BLOB"
        made.execute(f"CREATE TABLE rows ({columns}) STRICT")
        yield made


@pytest.mark.parametrize("count", [1, FEWEST_ROWS - 1, FEWEST_ROWS, 17, 63, 64, 65, 200, 1000])
def test_all_arrive_in_whatever_number_they_come(connection, count):
    rows = [("alice", number, number / 2, b"%d" % number) for number in range(count)]
    load_rows(connection, ONE, TARGET, rows)
    assert connection.execute(READ).fetchall() == rows


def test_what_all_have_in_common_is_bound_once(connection):
    said = []
    connection.set_trace_callback(said.append)
    load_rows(connection, ONE, TARGET, [("alice", number, None, b"") for number in range(64)])
    assert len(said) == 1
    assert connection.execute(READ).fetchall() == [("alice", n, None, b"") for n in range(64)]


def test_nothing_in_common_is_told_from_what_is_merely_equal(connection):
    numbers = [1, 1.0] * 32
    rows = [("alice", at, number, b"") for at, number in enumerate(numbers)]
    load_rows(connection, ONE, TARGET, rows)
    stored = [type(row[2]) for row in connection.execute(READ)]
    assert stored == [int, float] * 32


def test_rows_that_have_everything_in_common_are_as_many(connection):
    load_rows(connection, ONE, TARGET, [("alice", None, 1.0, b"")] * 64)
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (64,)


@pytest.mark.parametrize("taken", [0, 40, 99])
def test_one_that_is_there_already_is_told(connection, taken):
    connection.execute(ONE, ("bob", taken, 1.0, b""))
    with pytest.raises(sqlite3.IntegrityError):
        load_rows(connection, ONE, TARGET, [("alice", number, 1.0, b"") for number in range(100)])


@pytest.mark.parametrize("count", [1, FEWEST_ROWS - 1, FEWEST_ROWS, 100])
def test_columns_of_a_later_schema_are_left_alone(connection, count):
    connection.execute("ALTER TABLE rows ADD COLUMN later TEXT DEFAULT 'unknown'")
    rows = [("alice", number, None, b"") for number in range(count)]
    load_rows(connection, ONE, TARGET, rows)
    assert connection.execute(READ).fetchall() == [(*row, "unknown") for row in rows]


def test_columns_in_another_order_get_their_own(connection):
    connection.execute("DROP TABLE rows")
    columns = "octets BLOB, number ANY, id INTEGER PRIMARY KEY, owner TEXT"
    connection.execute(f"CREATE TABLE rows ({columns}) STRICT")
    rows = [("alice", number, 1.0, b"") for number in range(100)]
    load_rows(connection, ONE, TARGET, rows)
    assert connection.execute(READ).fetchall() == [row[::-1] for row in rows]
