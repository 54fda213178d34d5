"""Rows that SQLite's own functions add are those that the module would have added."""

import gc
import sqlite3
from contextlib import closing
from enum import StrEnum
from http import HTTPStatus

import pytest
import sqlalchemy as sa

from blrcs.database.sqlite.connection import Connection
from blrcs_native.databases.sqlite_inserts import SqliteInserts

ADD = "INSERT INTO rows VALUES (?, ?, ?, ?)"
ROWS = ("rows", ("owner", "id", "value", "octets"))
READ = "SELECT * FROM rows ORDER BY id"


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=Connection)) as made:
        assert made.inserts.is_available
        columns = "owner TEXT, id INTEGER PRIMARY KEY, value ANY, octets BLOB"
        made.execute(f"CREATE TABLE rows ({columns}) STRICT")
        yield made


@pytest.mark.parametrize("count", [0, 1, 2, 64, 1000])
def test_all_arrive_in_whatever_number_they_come(connection, count):
    octets = [b"%d" % number for number in range(count)]
    connection.inserts.insert(*ROWS, ("alice", range(7, 7 + count), 0.5, octets))
    stored = [("alice", 7 + at, 0.5, each) for at, each in enumerate(octets)]
    assert connection.execute(READ).fetchall() == stored


VALUES = [None, 0, 1, 1.0, True, -(2**63), 2**63 - 1, 0.1, "", "é\0\U0001f600", b"", b"\0\xff"]


def test_values_of_every_kind_are_stored_as_the_module_stores_them(connection):
    count = len(VALUES)
    connection.inserts.insert(*ROWS, ("all", list(range(count)), VALUES, None))
    for at, value in enumerate(VALUES):
        connection.inserts.insert(*ROWS, ("one", [count + at], value, None))
    connection.executemany(
        ADD, [("it", 2 * count + at, each, None) for at, each in enumerate(VALUES)]
    )
    stored = [(type(row[2]), row[2]) for row in connection.execute(READ)]
    assert stored[:count] == stored[count : 2 * count] == stored[2 * count :]


def test_rows_are_part_of_the_connections_transaction(connection):
    connection.execute("BEGIN")
    connection.inserts.insert(*ROWS, ("alice", range(3), None, None))
    assert connection.in_transaction
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (3,)
    connection.execute("ROLLBACK")
    assert connection.execute(READ).fetchall() == []


@pytest.mark.parametrize("taken", [0, 40, 99])
def test_one_that_is_there_already_is_told_as_the_module_tells_it(connection, taken):
    connection.execute(ADD, ("bob", taken, None, None))
    with pytest.raises(sqlite3.IntegrityError) as expected:
        connection.execute(ADD, ("alice", taken, None, None))
    with pytest.raises(sqlite3.IntegrityError) as raised:
        connection.inserts.insert(*ROWS, ("alice", range(100), None, None))
    assert str(raised.value) == str(expected.value)
    assert raised.value.sqlite_errorcode == expected.value.sqlite_errorcode
    assert raised.value.sqlite_errorname == expected.value.sqlite_errorname
    connection.execute("DELETE FROM rows")
    connection.inserts.insert(*ROWS, ("alice", range(100), None, None))


def test_what_is_bound_once_is_not_there_the_next_time(connection):
    connection.inserts.insert(*ROWS, ("alice", range(2), "x", b"y"))
    connection.inserts.insert(*ROWS, (None, range(2, 4), None, None))
    assert connection.execute(READ).fetchall()[2:] == [(None, 2, None, None), (None, 3, None, None)]


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (("alice", [1, 2], [1], None), ValueError),
        (("alice", 1, None, None), ValueError),
        (("alice", [1], object(), None), TypeError),
        (("alice", [2**63], None, None), OverflowError),
        (("\ud800", [1], None, None), UnicodeEncodeError),
        (("alice", [1], None, "not octets"), sqlite3.IntegrityError),
        (("alice", [1], None, None, None), ValueError),
    ],
)
def test_what_cannot_be_stored_is_refused(connection, columns, error):
    with pytest.raises(error):
        connection.inserts.insert(*ROWS, columns)
    assert connection.execute(READ).fetchall() == []
    connection.inserts.insert(*ROWS, ("alice", [1], None, None))


class Named(StrEnum):
    A = "é"


class Octets(bytes):
    pass


class Real(float):
    pass


@pytest.mark.parametrize("value", [Named.A, Octets(b"x"), Real(0.5), HTTPStatus.OK])
def test_what_is_made_of_a_kind_is_stored_as_the_module_stores_it(connection, value):
    connection.execute(ADD, ("it", 1, value, None))
    connection.inserts.insert(*ROWS, ("all", [2, 3], [value, value], None))
    connection.inserts.insert(*ROWS, ("one", [4], value, None))
    stored = [(type(row[2]), row[2]) for row in connection.execute(READ)]
    assert stored == stored[:1] * 4


def test_an_error_is_of_the_modules_kind(connection):
    def told(run, *given):
        with pytest.raises(sqlite3.Error) as raised:
            run(*given)
        error = raised.value
        return type(error), error.sqlite_errorcode, error.sqlite_errorname, str(error)

    connection.execute("CREATE TABLE numbers (id INTEGER PRIMARY KEY)")
    add = "INSERT INTO numbers VALUES (?)"
    for setup, row in (("PRAGMA user_version=1", ["text"]), ("PRAGMA query_only=ON", [1])):
        connection.execute(setup)
        expected = told(connection.execute, add, row)
        assert told(connection.inserts.insert, "numbers", ("id",), (row,)) == expected
    connection.execute("PRAGMA query_only=OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    expected = told(connection.execute, ADD, ("a", 1, "x" * 600, b"y" * 600))
    assert told(connection.inserts.insert, *ROWS, ("a", [1], "x" * 600, b"y" * 600)) == expected


def test_a_file_that_is_damaged_is_told_as_the_module_tells_it(tmp_path):
    path = tmp_path / "rows.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("CREATE TABLE rows (name)")
        made.execute("INSERT INTO rows VALUES ('a')")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    add = "INSERT INTO rows VALUES (?)"
    with closing(sqlite3.connect(path, isolation_level=None, factory=Connection)) as connection:
        with pytest.raises(sqlite3.DatabaseError) as expected:
            connection.execute(add, ["b"])
        with pytest.raises(sqlite3.DatabaseError) as raised:
            connection.inserts.insert("rows", ("name",), (["b"],))
    assert type(raised.value) is type(expected.value) is sqlite3.DatabaseError
    assert raised.value.sqlite_errorname == expected.value.sqlite_errorname == "SQLITE_CORRUPT"


def test_a_statement_that_sqlite_refuses_is_told(connection):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.inserts.insert("others", ("id",), ([1],))


def test_a_schema_that_changes_meanwhile_is_seen(connection):
    connection.inserts.insert(*ROWS, ("alice", range(2), None, None))
    connection.execute("DROP TABLE rows")
    connection.execute("CREATE TABLE rows (octets, value DEFAULT 7, id, owner)")
    connection.inserts.insert(*ROWS, ("alice", range(2), None, b"x"))
    connection.inserts.insert("rows", ("id", "owner"), (range(2, 3), "bob"))
    assert connection.execute("SELECT * FROM rows").fetchall() == [
        (b"x", None, 0, "alice"),
        (b"x", None, 1, "alice"),
        (None, 7, 2, "bob"),
    ]


@pytest.mark.parametrize("taken", [0, 40, 99])
def test_rows_before_one_that_fails_stay_until_their_transaction_is_undone(connection, taken):
    connection.execute(ADD, ("bob", taken, None, None))
    connection.execute("BEGIN")
    with pytest.raises(sqlite3.IntegrityError):
        connection.inserts.insert(*ROWS, ("alice", range(100), None, None))
    assert connection.in_transaction
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (taken + 1,)
    connection.execute("SAVEPOINT s")
    with pytest.raises(sqlite3.IntegrityError):
        connection.inserts.insert(*ROWS, ("alice", range(200, 300), None, "not octets"))
    connection.inserts.insert(*ROWS, ("alice", range(300, 302), None, None))
    connection.execute("ROLLBACK TO s")
    connection.execute("COMMIT")
    assert connection.execute("SELECT max(id), count(*) FROM rows").fetchone() == (
        taken,
        taken + 1,
    )


def test_whatever_things_are_called_they_are_named(connection):
    name = 'a "b", c] `d` -- e'
    quoted = name.replace('"', '""')
    connection.execute(f'CREATE TABLE "{quoted}" ("{quoted}", "select")')
    connection.inserts.insert(name, (name, "select"), ([1, 2], "x"))
    assert connection.execute(f'SELECT * FROM "{quoted}"').fetchall() == [(1, "x"), (2, "x")]


def test_names_may_be_what_sqlalchemy_makes_of_them(connection):
    table = sa.Table("rows", sa.MetaData(), sa.Column("id", sa.Integer))
    assert type(table.name) is not str
    connection.inserts.insert(table.name, (table.c.id.name,), (range(2),))
    assert len(connection.execute(READ).fetchall()) == 2


def test_a_table_may_have_64_columns(connection):
    names = tuple(f"n{number}" for number in range(65))
    connection.execute(f"CREATE TABLE wide ({', '.join(names)})")
    connection.inserts.insert("wide", names[:64], ([0], *range(1, 64)))
    assert connection.execute("SELECT * FROM wide").fetchone() == (*range(64), None)
    with pytest.raises(ValueError, match="65 columns"):
        connection.inserts.insert("wide", names, ([0], *range(1, 65)))


def test_what_was_given_is_nothing_to_others(connection):
    connection.inserts.insert(*ROWS, (["alice", "bob"], range(2), None, None))
    with pytest.raises(sqlite3.IntegrityError):
        connection.inserts.insert(*ROWS, (["alice", "bob"], range(2), None, None))
    assert connection.execute("SELECT * FROM blrcs_rows").fetchall() == []


@pytest.mark.parametrize(
    "kind", ["TABLE blrcs_rows (c0, c1, c2, c3)", "VIEW blrcs_rows AS SELECT 1"]
)
def test_what_the_file_calls_so_is_not_read(connection, kind):
    connection.execute(f"CREATE {kind}")
    connection.inserts.insert(*ROWS, ("alice", range(3), None, [b"a", b"b", b"c"]))
    stored = [("alice", number, None, each) for number, each in enumerate([b"a", b"b", b"c"])]
    assert connection.execute(READ).fetchall() == stored


def test_each_belongs_to_the_connection_that_it_has_opened(tmp_path):
    names = [tmp_path / f"{number}.db" for number in range(2)]
    opened = [sqlite3.connect(name, isolation_level=None, factory=Connection) for name in names]
    sqlite3.connect(tmp_path / "other.db").close()
    for connection, name in zip(opened, names, strict=True):
        connection.execute("CREATE TABLE rows (name)")
        connection.inserts.insert("rows", ("name",), ([name.name],))
    for connection, name in zip(opened, names, strict=True):
        assert connection.execute("SELECT * FROM rows").fetchall() == [(name.name,)]
        connection.close()


def test_the_log_goes_with_the_last_connection(tmp_path):
    path = tmp_path / "rows.db"
    connection = sqlite3.connect(path, isolation_level=None, factory=Connection)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE rows (name)")
    connection.inserts.insert("rows", ("name",), (["a"],))
    connection.close()
    assert [each.name for each in tmp_path.iterdir()] == ["rows.db"]
    with pytest.raises(ValueError, match="no connection"):
        connection.inserts.insert("rows", ("name",), (["a"],))


def test_one_that_opens_nothing_is_not_available():
    assert not SqliteInserts(lambda: None).is_available


def test_one_that_goes_with_a_cycle_keeps_no_file(tmp_path):
    opened = []
    inserts = SqliteInserts(lambda: opened.append(sqlite3.connect(tmp_path / "rows.db")))
    (connection,) = opened
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE rows (name)")
    inserts.insert("rows", ("name",), (["a"],))
    cycle = [inserts]
    cycle.append(cycle)
    del inserts, cycle
    gc.collect()
    connection.close()
    assert [each.name for each in tmp_path.iterdir()] == ["rows.db"]
