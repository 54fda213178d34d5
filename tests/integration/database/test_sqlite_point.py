"""What is found natively is what is committed when it is asked for."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from blrcs.database.sqlite.connection import connect
from blrcs.transport.in_process import InProcessStream
from blrcs.v1 import record_pb2
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.databases.sqlite_point import SqlitePoint
from blrcs_native.direct.record import DirectGetRecord

NOW_NS = 1000
FIND = "SELECT value FROM kept WHERE a = ? AND b = ? AND c = ? AND until_ns > ?"
WITH_ROWS = FIND.replace("value", "value, rowid"), f"{FIND} AND rowid = ?"
PUT = "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)"
COMMITS = 300


@pytest.fixture
def path(tmp_path):
    return tmp_path / "points.db"


@pytest.fixture
def writer(path):
    with closing(connect(path, any_thread=True)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            "CREATE TABLE kept (a TEXT, b TEXT, c TEXT, until_ns INTEGER, value BLOB,"
            " PRIMARY KEY (a, b, c))"
        )
        yield connection


@pytest.fixture(params=[(FIND,), WITH_ROWS], ids=["by-index", "by-row"])
def point(request, path, writer):
    with closing(SqlitePoint(path, *request.param, clock=lambda: NOW_NS)) as found:
        yield found


def put(writer, value, *, c="c", until_ns=NOW_NS + 1):
    writer.execute(PUT, ("a", "b", c, until_ns, value))


def holds_a_snapshot(writer):
    """Whether somebody reads of the log, so that it cannot be emptied."""
    writer.execute("PRAGMA busy_timeout=0")
    (busy, *_) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


@pytest.mark.parametrize("value", [b"x", b"", b"\0" * 3, b"y" * 100_000], ids=len)
def test_the_value_of_a_row_is_found(point, writer, value):
    put(writer, value)
    assert point("a", "b", "c") == value


def octets_read():
    """What this process has had the kernel read, ever."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["rchar"])


def test_pages_are_read_once(point, writer):
    texts = [f"c{number}" for number in range(2_000)]
    value = b"v" * 2_000
    for each in texts:
        put(writer, value, c=each)
    for each in texts:
        assert point("a", "b", each) == value
    before = octets_read()
    for each in texts:
        assert point("a", "b", each) == value
    assert octets_read() - before < len(texts) * len(value) / 10


def test_there_is_none_for_other_texts_and_after_its_time(point, writer):
    put(writer, b"x", c="é\0")
    put(writer, b"x", until_ns=NOW_NS)
    assert point("a", "b", "é\0") == b"x"
    assert point("a", "b", "é") is None
    assert point("a", "b", "c") is None


def test_a_row_that_moved_is_found_and_none_in_its_place(point, writer):
    put(writer, b"x", c="c")
    put(writer, b"y", c="d")
    for _ in range(2):
        assert [point("a", "b", each) for each in "cde"] == [b"x", b"y", None]
    writer.execute("UPDATE kept SET rowid = rowid + 1000 WHERE c = 'c'")
    writer.execute("UPDATE kept SET rowid = 1 WHERE c = 'd'")
    for _ in range(2):
        assert [point("a", "b", each) for each in "cde"] == [b"x", b"y", None]
    writer.execute("DELETE FROM kept WHERE c = 'd'")
    writer.execute(
        "INSERT INTO kept (rowid, a, b, c, until_ns, value) VALUES (1, 'a', 'b', 'e', 2000, 'z')"
    )
    for _ in range(2):
        assert [point("a", "b", each) for each in "cde"] == [b"x", None, b"z"]


def test_more_rows_are_found_than_are_remembered(point, writer):
    ids = [f"c{number}" for number in range(20_000)]
    writer.executemany(PUT, [("a", "b", each, NOW_NS + 1, each.encode()) for each in ids])
    for _ in range(2):
        assert [point("a", "b", each) for each in ids] == [each.encode() for each in ids]


async def test_reads_of_one_turn_see_what_is_committed_between_them(point, writer):
    for number in range(5):
        put(writer, b"%d" % number)
        assert point("a", "b", "c") == b"%d" % number
        assert point("a", "b", "c") == b"%d" % number


async def test_an_emptied_log_hides_nothing(point, writer):
    put(writer, b"old")
    assert point("a", "b", "c") == b"old"
    await asyncio.sleep(0)
    assert not holds_a_snapshot(writer)
    assert point("a", "b", "c") == b"old"
    put(writer, b"new")
    assert point("a", "b", "c") == b"new"


async def test_a_snapshot_lasts_no_longer_than_a_turn(point, writer):
    put(writer, b"x")
    point("a", "b", "c")
    # From the second read on, since where the log is mapped is not known before the first.
    point("a", "b", "c")
    assert holds_a_snapshot(writer)
    await asyncio.sleep(0)
    assert not holds_a_snapshot(writer)


def test_without_a_loop_a_read_leaves_no_snapshot(point, writer):
    put(writer, b"x")
    for _ in range(3):
        assert point("a", "b", "c") == b"x"
    assert not holds_a_snapshot(writer)


def test_a_loop_that_ends_before_its_turn_does_is_no_reason_to_wait_for_it(point, writer):
    put(writer, b"x")
    loop = asyncio.new_event_loop()
    for step in (lambda: point("a", "b", "c"), lambda: point("a", "b", "c"), loop.stop):
        loop.call_soon(step)
    loop.run_forever()
    loop.close()
    assert holds_a_snapshot(writer)

    async def later():
        put(writer, b"y")
        found = point("a", "b", "c")
        await asyncio.sleep(0)
        return found

    assert asyncio.run(later()) == b"y"
    assert not holds_a_snapshot(writer)


async def test_no_read_is_older_than_what_was_committed_before_it(point, writer):
    committed = 0
    put(writer, b"0")

    def commit():
        nonlocal committed
        for number in range(1, COMMITS + 1):
            put(writer, b"%d" % number)
            committed = number

    thread = threading.Thread(target=commit)
    thread.start()
    reads = 0
    while thread.is_alive():
        for _ in range(50):
            least = committed
            assert int(point("a", "b", "c")) >= least
            reads += 1
        await asyncio.sleep(0)
    thread.join()
    assert reads
    assert point("a", "b", "c") == b"%d" % COMMITS


async def test_what_takes_long_is_told(point, writer):
    noted = []
    put(writer, b"x")
    point.watch(0, lambda *each: noted.append(each))
    point("a", "b", "c")
    point("a", "b", "d")
    assert [(values, rows) for values, _, rows in noted] == [
        (("a", "b", "c", NOW_NS), 1),
        (("a", "b", "d", NOW_NS), 0),
    ]
    assert all(took_ns > 0 for _, took_ns, _ in noted)
    point.watch(10**15, lambda *each: noted.append(each))
    point("a", "b", "c")
    assert len(noted) == 2


async def test_where_sqlite_fails_nothing_is_found(point, writer):
    put(writer, b"x")
    assert point("a", "b", "c") == b"x"
    await asyncio.sleep(0)
    writer.execute("DROP TABLE kept")
    assert point("a", "b", "c") is None


async def test_one_that_is_closed_finds_nothing(point, writer):
    put(writer, b"x")
    point("a", "b", "c")
    point("a", "b", "c")
    point.close()
    assert point("a", "b", "c") is None
    assert not holds_a_snapshot(writer)
    point.close()
    await asyncio.sleep(0)


def test_it_cannot_write(path, writer):
    put(writer, b"x")
    wrote = "DELETE FROM kept WHERE a = ? AND b = ? AND c = ? AND until_ns > ? RETURNING value"
    with closing(SqlitePoint(path, wrote, clock=lambda: NOW_NS)) as point:
        assert point("a", "b", "c") is None
    assert writer.execute("SELECT count(*) FROM kept").fetchone() == (1,)


@pytest.mark.parametrize("sql", ["SELECT nothing", "", "SELECT value FROM missing"])
def test_a_statement_that_is_none_is_refused(path, writer, sql):
    with pytest.raises(OSError, match="SQLite refuses"):
        SqlitePoint(path, sql)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(OSError, match="cannot be opened"):
        SqlitePoint(tmp_path / "missing.db", FIND)
    assert not (tmp_path / "missing.db").exists()


def test_get_record_is_answered_by_the_ids_of_its_name(point, writer):
    handler = DirectGetRecord(point)
    method = Method(
        "/a.B/Get", client_streaming=False, server_streaming=False, parse=None, serialize=None
    )
    call = Call(method, InProcessStream(None), (), "192.0.2.1")

    def answered(name):
        body = record_pb2.GetRecordRequest(name=name).SerializeToString()
        return handler.answer_bytes(call, body)

    put(writer, b"x")
    assert answered("tenants/a/collections/b/records/c") == b"x"
    assert answered("tenants/b/collections/a/records/c") is None
    assert answered("tenants/a/collections/b/records/d") is None


def test_texts_are_needed(point):
    with pytest.raises(TypeError):
        point("a", "b", None)


def test_closing_it_leaves_the_locks_of_other_connections(path, writer):
    put(writer, b"old")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        (value,) = reader.execute("SELECT value FROM kept").fetchone()
        with closing(SqlitePoint(path, FIND, clock=lambda: NOW_NS)) as point:
            point("a", "b", "c")
        put(writer, b"new")
        assert holds_a_snapshot(writer)
        assert reader.execute("SELECT value FROM kept").fetchone() == (value,)
