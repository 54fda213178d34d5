from typing import Any

import pytest

from blrcs.database.mysql.batch import MAX_PLACES, batches

INSERT = "INSERT INTO t (a, b) VALUES (?, ?)"
PACKET_BYTES = 16 * 1024 * 1024


def taken(sql: str, rows: list[Any], size_bytes: int = PACKET_BYTES) -> list[tuple[str, Any]]:
    return list(batches(sql, rows, max_packet_bytes=size_bytes))


def test_no_rows_make_no_statement() -> None:
    assert taken(INSERT, []) == []


def test_few_rows_go_together() -> None:
    rows = [(number, str(number)) for number in range(5)]
    four, one = taken(INSERT, rows)
    assert four == (INSERT + ", (?, ?)" * 3, (0, "0", 1, "1", 2, "2", 3, "3"))
    assert one == (INSERT, (4, "4"))


@pytest.mark.parametrize("count", [1, 3, 4, 63, 64, 1000, 1023])
def test_all_rows_are_there_once_and_in_order(count: int) -> None:
    statements = taken(INSERT, [(number, None) for number in range(count)])
    assert [value for _, values in statements for value in values[::2]] == list(range(count))
    assert all(sql.count("?") == len(values) for sql, values in statements)
    assert len({sql for sql, _ in statements}) <= 5


def test_what_follows_the_rows_stays_behind_them() -> None:
    tail = "\n ON DUPLICATE KEY UPDATE b = VALUES(b)"
    ((sql, _),) = taken(INSERT + tail, [(1, 2)] * 4)
    assert sql == INSERT + ", (?, ?)" * 3 + tail


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET a=? WHERE b=?",
        "INSERT INTO t (a, b) VALUES (?, now(?))",
        "INSERT INTO t (a) VALUES (?) ON DUPLICATE KEY UPDATE b = (VALUES(b) + ?)",
        "INSERT INTO `a?` (a, b) VALUES (?, ?)",
    ],
)
def test_other_statements_run_for_each_row(sql: str) -> None:
    rows = [(number, number) for number in range(8)]
    assert taken(sql, rows) == [(sql, row) for row in rows]


def test_no_statement_is_larger_than_the_server_takes() -> None:
    rows = [(number, b"x" * 1000) for number in range(64)]
    statements = taken(INSERT, rows, 40_000)
    assert [len(values) // 2 for _, values in statements] == [4] * 16
    assert [len(values) for _, values in taken(INSERT, rows, 1)] == [2] * 64


def test_no_statement_has_more_values_than_the_protocol_counts() -> None:
    columns = 300
    sql = f"INSERT INTO t (a) VALUES ({', '.join('?' * columns)})"
    statements = taken(sql, [(1,) * columns] * 256)
    assert all(len(values) <= MAX_PLACES for _, values in statements)
    assert sum(len(values) for _, values in statements) == columns * 256
