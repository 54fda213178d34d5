"""What becomes of slow statements, apart from any database."""

import multiprocessing
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from blrcs.database.postgresql.dialect import POSTGRESQL
from blrcs.database.slow_log.entry import SlowEntry
from blrcs.database.slow_log.file import SlowLogFile
from blrcs.database.slow_log.log import ENTRIES_PER_S, SlowLog
from blrcs.database.slow_log.plan import _masked
from blrcs.database.slow_log.summary import summarize
from blrcs.database.statement import Statement

SELECT = Statement(sa.select(sa.literal_column("1").label("one")))
NS_PER_S = 1_000_000_000


def entry(number: int = 1, **values: Any) -> SlowEntry:
    plain = {"sql": "SELECT 1", "rows": 1, "caller": "a < b", "waited_ns": 0}
    return SlowEntry(
        **{"at_ns": number * NS_PER_S, "duration_ns": number * 1_000_000, **plain, **values}
    )


def test_an_entry_is_read_as_it_was_written() -> None:
    whole = entry(7, plan="SCAN\n  x", hint="none", waited_ns=1_500_000, rows=None)
    assert SlowEntry.from_line(whole.to_line()) == whole
    assert whole.to_line().startswith(b'{"time":"1970-01-01T00:00:07.000Z"')


@pytest.mark.parametrize("line", [b"", b"\n", b"{}", b"[]", b"nonsense", b'{"at_ns": 1', b"\xff"])
def test_a_line_that_is_none_is_passed_over(line: bytes) -> None:
    assert SlowEntry.from_line(line) is None


def test_a_line_that_somebody_else_wrote_is_shown_as_text() -> None:
    values = {"duration_ms": 1, "waited_ms": 1, "sql": "x", "rows": 1, "caller": ""}
    line = orjson.dumps({**values, "at_ns": 1e30, "plan": 5, "hint": [1]})
    found = SlowEntry.from_line(line)
    assert found is not None
    assert (found.plan, found.hint) == ("5", "[1]")
    assert found.to_line()
    huge = b'{"at_ns": 1e400, "duration_ms": 1, "waited_ms": 1e308, "sql": "", "rows": 0'
    assert SlowEntry.from_line(huge + b', "caller": "", "plan": null, "hint": null}') is None


def test_an_entry_is_bounded() -> None:
    assert len(entry(sql="x" * 10**6, plan="y" * 10**6).to_line()) < 30_000


def test_the_newest_are_kept(tmp_path: Path) -> None:
    file = SlowLogFile(tmp_path / "slow", max_bytes=1000)
    assert list(file.entries()) == []
    for number in range(100):
        file.append(entry(number).to_line())
    found = [each.at_ns // NS_PER_S for each in file.entries()]
    assert found == list(range(found[0], 100))
    assert 5 < len(found) < 20
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def append(path: Path, begin: int) -> None:
    file = SlowLogFile(path, max_bytes=20_000)
    for number in range(begin, begin + 300):
        file.append(entry(number).to_line())


def test_several_processes_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "slow"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=append, args=(path, n * 1000)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    whole = path.read_bytes() + SlowLogFile(path).older.read_bytes()
    lines = whole.splitlines()
    assert len(lines) > 100
    assert None not in map(SlowEntry.from_line, lines)


def test_a_summary_puts_together_what_has_the_same_text() -> None:
    entries = [
        entry(1, sql="a", plan="old", hint="old"),
        entry(2, sql="b"),
        entry(3, sql="a", plan="new", caller="c", waited_ns=5),
        entry(9, sql="a"),
        entry(4, sql="c"),
    ]
    first, second, third = summarize(entries)
    assert [first.sql, second.sql, third.sql] == ["a", "c", "b"]
    assert (first.total_ns, first.p50_ns, first.max_ns) == (13_000_000, 3_000_000, 9_000_000)
    assert (first.plan, first.hint, first.waited_ns) == ("new", None, 5)
    assert [each.sql for each in summarize(entries, since_ns=4 * NS_PER_S)] == ["a", "c"]


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("Seq Scan on t1  (cost=0.00..18.50 rows=3)", "Seq Scan on t1  (cost=0.00..18.50 rows=3)"),
        (
            "  Filter: ((title = 'it''s'::text) AND (t1.pages > '-5'::bigint))",
            "  Filter: ((title = ?::text) AND (t1.pages > ?::bigint))",
        ),
        ("  Index Cond: (pages2 > 4711)", "  Index Cond: (pages2 > ?)"),
        ("  Filter: (x = ANY ('{1,2}'::bigint[]))", "  Filter: (x = ANY (?::bigint[]))"),
    ],
)
def test_values_in_a_plan_are_masked(line: str, masked: str) -> None:
    assert _masked(line) == masked


class Nothing:
    """A database that is asked for nothing but its dialect."""

    dialect = POSTGRESQL


async def test_a_flood_is_bounded_and_counted(tmp_path: Path) -> None:
    now = [0]
    file = SlowLogFile(tmp_path / "slow")
    log = SlowLog(Nothing(), file, least_ns=0, monotonic=lambda: now[0])  # type: ignore[arg-type]
    async with log.running():
        for second in range(2):
            now[0] = second * NS_PER_S
            for _ in range(1000):
                log.note(SELECT, None, 5, 1)
    assert len(list(file.entries())) == 2 * ENTRIES_PER_S


async def test_the_same_plan_is_not_asked_for_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def ask(_: Any, statement: Statement, __: Any) -> tuple[str, None]:
        asked.append(statement)
        return "plan", None

    monkeypatch.setattr("blrcs.database.slow_log.log.ask_plan", ask)
    now = [0]
    file = SlowLogFile(tmp_path / "slow")
    log = SlowLog(Nothing(), file, least_ns=0, monotonic=lambda: now[0])  # type: ignore[arg-type]
    other = Statement(sa.select(sa.literal_column("2").label("two")))
    for seconds, statement in ((0, SELECT), (0, other), (30, SELECT), (31, other), (61, SELECT)):
        now[0] = seconds * NS_PER_S
        log.note(statement, {}, 5, 1)
        await log._write(plans=True)
    assert asked == [SELECT, other, SELECT]
    assert [each.plan for each in file.entries()] == ["plan", None, None, "plan", "plan"]
