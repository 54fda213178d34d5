"""Writes records by sqlite3 alone, each committed by itself, as durable as the server's.

    python sqlite_rows.py same|plain PATH CALLS

Prints the seconds that the calls took. ``same`` writes what a creation is: the record with its
document, the change in the feed, and the feed's number, into the server's own tables with their
indexes, under an id like the server's. ``plain`` writes a row of an id and a document into a table
of its own.
"""

import argparse
import secrets
import sqlite3
import time
from pathlib import Path

import orjson

from blrcs.database.sqlite.migrate import migrate
from blrcs.v1 import record_pb2

FEED = ("bench", "people")
CLAIM = (
    "UPDATE record_feeds SET sequence = sequence + 1 WHERE tenant = ? AND collection = ?"
    " RETURNING sequence"
)
RECORD = "INSERT INTO records VALUES (?, ?, ?, ?, ?, NULL, 1, ?, ?, NULL, ?)"
CHANGE = "INSERT INTO record_changes VALUES (?, ?, ?, 1, ?, ?, NULL, NULL)"
PLAIN = "INSERT INTO rows VALUES (?, ?)"
DATA = {
    "name": "Person 7",
    "email": "person-7@example.com",
    "age": 7,
    "active": False,
    "tags": ["one", "two", "three"],
    "address": {"street": "7 High Street", "city": "Berlin", "zip": "00007"},
    "note": "x" * 256,
}


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4096")
    return connection


def write_same(connection: sqlite3.Connection, calls: int, document: str) -> None:
    execute = connection.execute
    record = record_pb2.Record(data=DATA, etag="18c0ffee00000000-1")
    for _ in range(calls):
        now_ns = time.time_ns()
        record_id = f"{now_ns // 1_000_000:012x}{secrets.token_hex(8)}"
        record.name = f"tenants/bench/collections/people/records/{record_id}"
        encoded = record.SerializeToString()
        execute("BEGIN IMMEDIATE")
        (sequence,) = execute(CLAIM, FEED).fetchone()
        execute(RECORD, (*FEED, record_id, document, encoded, now_ns, now_ns, sequence))
        execute(CHANGE, (*FEED, sequence, record_id, now_ns))
        execute("COMMIT")


def write_plain(connection: sqlite3.Connection, calls: int, document: str) -> None:
    for _ in range(calls):
        connection.execute(PLAIN, (secrets.token_hex(8), document))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["same", "plain"])
    parser.add_argument("path", type=Path)
    parser.add_argument("calls", type=int)
    arguments = parser.parse_args()
    is_new = not arguments.path.exists()
    connection = opened(arguments.path)
    if is_new and arguments.what == "same":
        migrate(connection, arguments.path)
        connection.execute("INSERT INTO record_feeds VALUES (?, ?, 1, 1, 0, 0)", FEED)
    elif is_new:
        connection.execute("CREATE TABLE rows (record_id TEXT PRIMARY KEY, document TEXT)")
    write = write_same if arguments.what == "same" else write_plain
    document = orjson.dumps(DATA).decode()
    start = time.perf_counter()
    write(connection, arguments.calls, document)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
