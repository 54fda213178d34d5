"""Writes a backup while the database is used."""

import gzip
import time
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import IO, Any

from blrcs.database.adapter import Isolation, Transaction
from blrcs.database.backup.backup_key import BackupKey
from blrcs.database.backup.catalogue import (
    StoredTable,
    read_catalogue,
    revision_of,
    version_tables,
)
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.file import (
    LEVEL,
    BackupWriter,
    Header,
    opened,
    written_whole,
)
from blrcs.database.backup.progress import Progress, Silent
from blrcs.database.backup.sealed_file import KnownKey, new_file_key, sealed_for
from blrcs.database.backup.values import Tally, to_line
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import VERSION_TABLE
from blrcs.database.pool import PoolLimits

STEP_ROWS = 1000


async def write_backup(
    url: str,
    path: Path,
    *,
    version: str,
    encrypt_to: BackupKey | None = None,
    progress: Progress | None = None,
) -> dict[str, Tally]:
    """Writes all rows of all tables, as of one moment, and reads the file back.

    With ``encrypt_to`` only who has that key, or the private one of it, can read the file.

    Servers may go on to read and write. The file is there when it is whole, and not before.

    Returns:
        What each table is.

    Raises:
        BackupError: It cannot be written; the file that was there before, if any, still is.
        DatabaseOpenError, UnavailableError: The database cannot be read.
    """
    progress = progress or Silent()
    file_key = new_file_key()
    road = kind_of(url).road(url)
    if await road.stored([VERSION_TABLE]) == [None]:
        raise BackupError(f"{road.place}: has no tables of ours")
    tables, versions = await road.run(lambda it: (read_catalogue(it), version_tables(it)))
    async with open_database(url, migrate=False, limits=PoolLimits(size=1, overflow=0)) as opening:
        database, _ = opening
        with written_whole(path) as draft:
            async with database.transaction(
                isolation=Isolation.REPEATABLE_READ, read_only=True
            ) as transaction:
                header = Header(
                    version=version,
                    dialect=database.dialect.name,
                    created_at_ns=time.time_ns(),
                    revisions=await _revisions(transaction, versions),
                    tables=[table.name for table in tables],
                )
                with compressed(draft, encrypt_to, file_key) as file:
                    writer = BackupWriter(file, header)
                    for table in tables:
                        await _write_table(transaction, table, writer, progress)
                    writer.finish()
            if read_through(draft, progress, encrypt_to and KnownKey(file_key)) != writer.tallies:
                raise BackupError(f"{path}: the disk does not give back what was written")
    return writer.tallies


def read_through(path: Path, progress: Progress, key: BackupKey | None) -> dict[str, Tally]:
    """Reads a file from its begin to its end.

    Raises:
        BackupError: It is not whole, or encrypted to another key.
    """
    with opened(path, key) as backup:
        for section in backup.sections():
            progress.begin("verifying", section.table, None)
            for number, _ in enumerate(section.lines, 1):
                if number % STEP_ROWS == 0:
                    progress.advance(STEP_ROWS)
        return backup.tallies


@contextmanager
def compressed(path: Path, key: BackupKey | None, file_key: bytes) -> Iterator[IO[bytes]]:
    """A file to write to, which is compressed and, with a key, sealed."""
    with ExitStack() as stack:
        plain: Any = path if key is None else stack.enter_context(sealed_for(path, key, file_key))
        file: Any = stack.enter_context(gzip.open(plain, "wb", compresslevel=LEVEL))
        yield file


async def _revisions(transaction: Transaction, versions: list[str]) -> dict[str, str]:
    found = {table: await transaction.fetch_one(revision_of(table)) for table in versions}
    return {table: row.version_num for table, row in found.items() if row is not None}


async def _write_table(
    transaction: Transaction, table: StoredTable, writer: BackupWriter, progress: Progress
) -> None:
    counted = await transaction.fetch_one(table.count)
    progress.begin("backing up", table.name, counted.rows if counted else None)
    add = writer.begin(table.name, list(table.columns))
    done = 0
    async with aclosing(transaction.stream(table.select)) as rows:
        async for row in rows:
            try:
                add(to_line(row))
            except TypeError as error:
                raise BackupError(f"table {table.name}: {error}") from error
            done += 1
            if done % STEP_ROWS == 0:
                progress.advance(STEP_ROWS)
    writer.end(table.name)
