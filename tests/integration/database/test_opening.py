"""What can be wrong when the server starts.

The tests may run as root, for whom modes mean nothing: what cannot be written is a path below a
regular file, or one on a kernel file system.
"""

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from blrcs.database.data_directory import DataDirectory
from blrcs.database.errors import (
    DatabaseCorruptError,
    DatabaseLockedError,
    DatabaseTooNewError,
    DatabaseUnwritableError,
)
from blrcs.database.sqlite.connection import PAGE_BYTES, connect
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.statement import Statement
from blrcs.database.tables import settings

ADD = Statement(sa.insert(settings))
COUNT = Statement(sa.select(sa.func.count().label("rows")).select_from(settings))


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def open_refused(path, kind):
    """Opens, expects a refusal of one line, and that nothing was left open."""
    before = open_files()
    with pytest.raises(kind) as refusal:
        SqliteDatabase.open(path)
    line = str(refusal.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert open_files() == before
    return line


@pytest.fixture
async def filled(path):
    async with SqliteDatabase.open(path) as database:
        for n in range(200):
            await database.write(
                lambda transaction, n=n: transaction.execute(
                    ADD, key=f"{n:04}", value=os.urandom(300)
                )
            )
    return path


def damage(path, page_bytes=PAGE_BYTES):
    """Overwrites a page in the middle."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // page_bytes * page_bytes
    content[middle : middle + page_bytes] = os.urandom(page_bytes)
    path.write_bytes(content)


def test_a_path_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    assert "cannot be written" in open_refused(
        tmp_path / "file" / "blrcs.db", DatabaseUnwritableError
    )


def test_a_directory_in_place_of_the_file_is_refused(path):
    path.mkdir()

    open_refused(path, DatabaseUnwritableError)


@pytest.mark.parametrize(
    "content",
    [b"not a database at all" * 100, bytes(range(256)) * 64, b"SQLite format 3\0" + b"x" * 4080],
)
def test_a_file_that_is_no_database_is_refused_and_kept(path, content):
    path.write_bytes(content)

    open_refused(path, DatabaseCorruptError)

    assert path.read_bytes() == content


def test_a_damaged_page_is_found_at_the_start(filled):
    damage(filled)

    assert "damaged" in open_refused(filled, DatabaseCorruptError)


async def test_a_large_file_is_not_read_through(filled, monkeypatch):
    damage(filled)
    monkeypatch.setattr("blrcs.database.sqlite.connection.QUICK_CHECK_MAX_BYTES", 8192)

    await SqliteDatabase.open(filled).close()


def test_a_truncated_file_is_found_at_the_start(filled):
    os.truncate(filled, filled.stat().st_size // 2)

    open_refused(filled, DatabaseCorruptError)


def test_the_database_of_another_program_is_refused_and_kept(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (id TEXT)")
    connection.close()

    assert "another program" in open_refused(path, DatabaseCorruptError)

    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    connection.close()
    assert tables == [("recipes",)]


@pytest.mark.parametrize("revision", ["9999", "odd\nname\x1b[31m"])
def test_the_schema_of_a_newer_version_is_refused(filled, revision):
    connection = sqlite3.connect(filled)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()

    line = open_refused(filled, DatabaseTooNewError)

    assert "newer version" in line
    assert line.isprintable()


def test_a_file_locked_by_another_process_is_refused(filled):
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")

    with pytest.raises(DatabaseLockedError, match="another process has locked the database"):
        SqliteDatabase.open(filled, busy_timeout_ms=10)

    other.close()


async def test_a_log_left_by_a_killed_process_is_taken_up(path, tmp_path):
    async with SqliteDatabase.open(path) as database:
        await database.write(lambda transaction: transaction.execute(ADD, key="a", value=b""))
        copy = tmp_path / "copy"
        copy.mkdir()
        for each in (path, path.with_name("blrcs.db-wal")):
            (copy / each.name).write_bytes(each.read_bytes())

    async with SqliteDatabase.open(copy / "blrcs.db") as database:
        assert database.fetch_one(COUNT).rows == 1


@pytest.mark.parametrize(("made_with", "page_bytes"), [(None, 8192), (4096, 4096), (512, 512)])
def test_a_file_keeps_the_pages_that_it_was_made_with(path, made_with, page_bytes):
    if made_with is not None:
        with closing(sqlite3.connect(path)) as made:
            made.execute(f"PRAGMA page_size={made_with}")
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("CREATE TABLE things (name TEXT)")
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE others (name TEXT)")
        assert connection.execute("PRAGMA page_size").fetchone() == (page_bytes,)
        (pages,) = connection.execute("PRAGMA wal_autocheckpoint").fetchone()
    assert pages * page_bytes == 16 * 1024 * 1024
    with closing(sqlite3.connect(path)) as read:
        assert read.execute("PRAGMA page_size").fetchone() == (page_bytes,)
        assert read.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_data_directory_is_created_for_its_owner_alone(tmp_path):
    path = tmp_path / "new" / "data"

    with DataDirectory.open(path) as directory:
        assert directory.path == path
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "lock").stat().st_mode & 0o777 == 0o600


HOLD = """
import sys
from contextlib import closing
from pathlib import Path
from blrcs.database.data_directory import DataDirectory
with DataDirectory.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, environment):
    """Another process that holds the data directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    with process:
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def test_a_second_start_is_told_who_holds_the_directory(tmp_path, holder):
    with pytest.raises(DatabaseLockedError) as refusal:
        DataDirectory.open(tmp_path)

    assert str(refusal.value) == f"{tmp_path}: is in use by another server (process {holder.pid})"


def test_a_killed_holder_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()

    DataDirectory.open(tmp_path).close()


def test_a_lock_file_with_odd_content_is_not_repeated(tmp_path):
    (tmp_path / "lock").write_bytes(b"\x1b[31mhello\n")
    with (tmp_path / "lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        with pytest.raises(DatabaseLockedError) as refusal:
            DataDirectory.open(tmp_path)

    assert str(refusal.value) == f"{tmp_path}: is in use by another server"


def test_a_closed_directory_can_be_opened_again(tmp_path):
    DataDirectory.open(tmp_path).close()
    DataDirectory.open(tmp_path).close()


def test_a_file_in_place_of_the_data_directory_is_refused(tmp_path):
    (tmp_path / "data").write_text("")

    with pytest.raises(DatabaseUnwritableError, match=r"data: is not a directory$"):
        DataDirectory.open(tmp_path / "data")


@pytest.mark.parametrize("path", [Path("/proc/blrcs"), Path("/proc/self/status/data")])
def test_a_place_that_takes_no_directory_is_refused(path):
    with pytest.raises(DatabaseUnwritableError, match="cannot be written"):
        DataDirectory.open(path)


def count_elsewhere(path):
    """The settings that another process sees, which opens the file and closes it."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from blrcs.database.sqlite.connection import connect\n"
        "connection = connect(Path(sys.argv[1]))\n"
        "print(*connection.execute('SELECT count(*) FROM settings').fetchone())\n"
        "connection.close()\n"
    )
    return int(subprocess.check_output([sys.executable, "-c", script, path]))


async def test_another_process_that_comes_and_goes_leaves_the_log(path):
    async with SqliteDatabase.open(path) as database:
        for number in range(3):
            await database.write(
                lambda transaction, number=number: transaction.execute(
                    ADD, key=str(number), value=b""
                )
            )
            assert count_elsewhere(path) == number + 1
            assert path.with_name(f"{path.name}-wal").exists()
