"""The file of a backup, and what becomes of one that is not whole."""

import datetime as dt
import gzip
import os
import stat
import uuid
from decimal import Decimal
from pathlib import Path

import pytest

from blrcs.application.records.record_planner import MAX_ENCODED_BYTES
from blrcs.database.backup import file as file_module
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.file import (
    BackupWriter,
    Header,
    opened,
    written_whole,
)
from blrcs.database.backup.values import Tally, from_line, to_line

HEADER = Header(
    version="1", dialect="sqlite", created_at_ns=5, revisions={"v": "1"}, tables=["a", "b"]
)
ROWS = {"a": [[1, "x", b"\0\xff"], [2, None, b""]], "b": []}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "backup"
    with gzip.open(path, "wb") as file:
        writer = BackupWriter(file, HEADER)
        for table, rows in ROWS.items():
            add = writer.begin(table, ["id", "name", "data"])
            for row in rows:
                add(to_line(row))
            writer.end(table)
        writer.finish()
    return path


def read(path: Path) -> dict[str, list]:
    with opened(path) as backup:
        found = {each.table: list(each.lines) for each in backup.sections()}
        assert backup.header == HEADER
    return {table: list(map(from_line, lines)) for table, lines in found.items()}


def test_what_was_written_is_read(path: Path) -> None:
    assert read(path) == ROWS


def test_a_file_that_is_cut_off_anywhere_is_told(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BackupError):
            read(path)


def test_a_file_with_an_octet_changed_is_told(path: Path) -> None:
    whole = path.read_bytes()
    header_bytes = 10 + len(path.name) + 1  # gzip's own, with a time and a name that do not count
    for place in range(header_bytes, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BackupError):
            read(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'[1,"x"', b'[3,"x"'),
        (b'"rows":2', b'"rows":1'),
        (b'"created_at_ns":5', b'"created_at_ns":6'),
        (b'{"complete"', b'{"completed"'),
        (b'"tables":["a","b"]', b'"tables":["a"]'),
        (b'"table":"b"', b'"table":"c"'),
        (b'"end":"b"', b'"end":"a"'),
    ],
)
def test_a_line_that_was_changed_is_told(path: Path, old: bytes, new: bytes) -> None:
    text = gzip.decompress(path.read_bytes())
    assert old in text
    path.write_bytes(gzip.compress(text.replace(old, new)))
    with pytest.raises(BackupError, match="is damaged"):
        read(path)


def test_a_line_is_read_no_further_than_a_row_may_reach(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = max(map(len, gzip.decompress(path.read_bytes()).splitlines(keepends=True)))
    monkeypatch.setattr(file_module, "MAX_LINE_BYTES", longest)
    assert read(path) == ROWS
    monkeypatch.setattr(file_module, "MAX_LINE_BYTES", longest - 1)
    with pytest.raises(BackupError, match="a line is too long"):
        read(path)


def test_a_row_that_could_not_be_read_again_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = to_line(ROWS["a"][0])
    with gzip.open(path, "wb") as file:
        add = BackupWriter(file, HEADER).begin("a", ["id", "name", "data"])
        monkeypatch.setattr(file_module, "MAX_LINE_BYTES", len(row) + 1)
        add(row)
        monkeypatch.setattr(file_module, "MAX_LINE_BYTES", len(row))
        with pytest.raises(BackupError, match="a: has a row of more than"):
            add(row)


def test_the_largest_record_is_no_line_too_long() -> None:
    # Every character of its document is escaped, and its escapes are again.
    record = [f"t{number}" for number in range(4)]
    record += ["\\u0001" * MAX_ENCODED_BYTES, bytes(MAX_ENCODED_BYTES), bytes(MAX_ENCODED_BYTES)]
    assert len(to_line(record)) < file_module.MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is cut off"),
        (b"plain text", "cannot be read: Not a gzipped file"),
        (gzip.compress(b"[]\n", mtime=0), "is damaged"),
        (gzip.compress(b'{"a":1}\n', mtime=0), "is no backup"),
        (gzip.compress(b'{"blrcs_backup":1}\n', mtime=0), "is no backup"),
        (gzip.compress(b'{"blrcs_backup":2}\n', mtime=0), "was written by a newer version"),
    ],
)
def test_another_file_is_no_backup(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(BackupError, match=problem), opened(path):
        pass


def test_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"), opened(tmp_path / "none"):
        pass


def test_a_file_is_there_when_it_is_whole_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    path.write_text("before")

    def fail() -> None:
        with written_whole(path) as draft:
            draft.write_text("half")
            draft.mkdir()

    with pytest.raises(BackupError):
        fail()
    assert [each.name for each in tmp_path.iterdir()] == ["backup"]
    assert path.read_text() == "before"
    with written_whole(path) as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o600
        draft.write_text("whole")
    assert path.read_text() == "whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_is_no_file() -> None:
    with pytest.raises(BackupError, match="is a folder"), written_whole(Path()):
        pass


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(BackupError, match="is not a regular file"),
        written_whole(tmp_path / "pipe"),
    ):
        pass
    assert [each.is_fifo() for each in tmp_path.iterdir()] == [True]


def test_whoever_may_write_to_the_folder_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".backup.guessed.part").symlink_to(other)
    with pytest.raises(BackupError, match="exists"), written_whole(tmp_path / "backup"):
        pass
    assert other.read_text() == "precious"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="No such file"), written_whole(tmp_path / "no" / "file"):
        pass


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        -(2**63),
        2**63 - 1,
        "",
        "caf\u00e9 \0 \U0001f600 \n\"'",
        b"",
        bytes(range(256)),
        0.1,
        1e300,
        float("inf"),
        Decimal("1.10"),
        dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 2),  # noqa: DTZ001 - as databases have them
        dt.date(2026, 1, 2),
        dt.time(1, 2),
        dt.timedelta(days=-1, microseconds=1),
        uuid.UUID(int=7),
    ],
)
def test_values_come_back(value: object) -> None:
    (found,) = from_line(to_line([value]))
    assert (found, type(found)) == (value, type(value))


def test_a_bool_is_a_number_as_not_every_database_has_bools() -> None:
    assert to_line([True, False]) == to_line([1, 0])


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="of type list cannot be backed up"):
        to_line([[1]])


def test_a_tally_does_not_depend_on_the_order() -> None:
    one, other, third = Tally(), Tally(), Tally()
    for each in (b"a", b"b", b"b"):
        one.add(each)
    for each in (b"b", b"a", b"b"):
        other.add(each)
    for each in (b"a", b"a", b"b"):
        third.add(each)
    assert one == other
    assert one != third
    assert one != 3
