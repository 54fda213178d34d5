"""Takes a backup into an empty database, of whatever kind."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from blrcs.database.adapter import DatabaseAdapter, Isolation, Transaction
from blrcs.database.backup.backup_key import BackupKey
from blrcs.database.backup.catalogue import StoredTable, read_catalogue
from blrcs.database.backup.errors import BackupError
from blrcs.database.backup.file import Header, Section, opened
from blrcs.database.backup.progress import Progress, Silent
from blrcs.database.backup.values import Tally, from_line, to_line
from blrcs.database.backup.write import STEP_ROWS, read_through
from blrcs.database.kind import kind_of, open_database
from blrcs.database.migrations.branch import BLRCS, VERSION_TABLE, Branch
from blrcs.database.migrations.road import MigrationRoad
from blrcs.database.migrations.starting import bring_up_to_date
from blrcs.database.pool import PoolLimits
from blrcs.domain.errors import DomainError

BATCH_ROWS = 500


async def restore_backup(
    url: str,
    path: Path,
    branches: Sequence[Branch] = (BLRCS,),
    *,
    key: BackupKey | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Tally]:
    """Fills a database with what a backup holds, reads it back, and migrates it to the heads.

    The file is read through first, and is taken in by one transaction: where anything is wrong, no
    row has changed. No server may run on the database.

    Args:
        url: Which database. It need not have tables yet.
        path: The backup.
        branches: Of migrations, those of the backup at least.
        key: What opens it, where it is encrypted.
        force: Whether what is in the tables goes; else they have to be empty.
        progress: Is told how far it has come.

    Returns:
        What each table was when it had been read back.

    Raises:
        BackupError: The file is damaged, of a newer version or branches that are not there; or the
            database is not empty.
        DatabaseOpenError, UnavailableError: The database cannot be used.
    """
    progress = progress or Silent()
    with opened(path, key) as backup:
        header = backup.header
    by_table = {branch.version_table: branch for branch in branches}
    _require_known(path, header, by_table)
    whole = read_through(path, progress, key)
    road = kind_of(url).road(url)
    stored = await road.stored(list(by_table))
    if any(stored) and not force:
        await _require_empty(url, road)
    wanted = {by_table[name]: revision for name, revision in header.revisions.items()}
    tables = await road.run(partial(_prepare, place=road.place, wanted=wanted, force=force))
    async with open_database(url, migrate=False, limits=PoolLimits(size=1, overflow=0)) as opening:
        database, _ = opening
        found = await _fill(database, path, key, tables, whole, progress)
    await bring_up_to_date(road, branches)
    return found


def _require_known(path: Path, header: Header, by_table: dict[str, Branch]) -> None:
    for table, revision in header.revisions.items():
        name = table.removeprefix(VERSION_TABLE).removeprefix("_") or BLRCS.name
        if table not in by_table:
            raise BackupError(f"{path}: has tables of the branch {name!r}, which is not declared")
        if all(each.id != revision for each in by_table[table].revisions):
            raise BackupError(
                f"{path}: was written by a newer version of {name} (schema {revision!r},"
                f" known up to {by_table[table].head!r})"
            )


async def _require_empty(url: str, road: MigrationRoad) -> None:
    tables = await road.run(read_catalogue)
    async with open_database(url, migrate=False, limits=PoolLimits(size=1, overflow=0)) as opening:
        for table in tables:
            counted = await opening[0].fetch_one(table.count)
            if counted is not None and counted.rows:
                raise BackupError(
                    f"{road.place}: is not empty (table {table.name});"
                    " --force replaces what is there"
                )


def _prepare(
    connection: sa.Connection, place: Path | str, wanted: dict[Branch, str], *, force: bool
) -> list[StoredTable]:
    """The tables of the backup's own schema, which is the older one of the two, if any."""
    from blrcs.database.migrations.running import move, stored_revision  # noqa: PLC0415 - see road

    for branch, revision in wanted.items():
        stored = stored_revision(connection, branch)
        if stored != revision and stored is not None and force:
            raise BackupError(
                f"{place}: is at schema {stored!r} of {branch.name}, and the backup at"
                f" {revision!r}: use an empty database"
            )
        move(connection, place, branch, revision)
    return read_catalogue(connection)


async def _fill(
    database: DatabaseAdapter,
    path: Path,
    key: BackupKey | None,
    tables: list[StoredTable],
    whole: dict[str, Tally],
    progress: Progress,
) -> dict[str, Tally]:
    by_name = {table.name: table for table in tables}
    with opened(path, key) as backup:
        columns: dict[str, list[str]] = {}
        for name in backup.header.tables:
            if name not in by_name:
                raise BackupError(f"{path}: no migration makes its table {name}")
        async with database.transaction(isolation=Isolation.REPEATABLE_READ) as transaction:
            for name in reversed(backup.header.tables):
                await transaction.execute(by_name[name].delete)
            for section in backup.sections():
                table = by_name[section.table]
                if set(section.columns) != set(table.columns):
                    raise BackupError(f"{path}: the columns of {table.name} are not those of now")
                columns[table.name] = section.columns
                progress.begin("restoring", table.name, whole[table.name].rows)
                with _told(table):
                    await _load(transaction, table, section, progress)
            found = {
                name: await _read_back(transaction, by_name[name], names, whole[name], progress)
                for name, names in columns.items()
            }
            if found != whole:
                raise BackupError(f"{path}: the database does not give back what was put in")
    return found


async def _load(
    transaction: Transaction, table: StoredTable, section: Section, progress: Progress
) -> None:
    for lines in _batches(section.lines):
        rows = [table.params(from_line(line), section.columns) for line in lines]
        await transaction.execute_many(table.insert, rows)
        progress.advance(len(rows))
    for statement in table.advance:
        await transaction.fetch_one(statement)


async def _read_back(
    transaction: Transaction,
    table: StoredTable,
    columns: list[str],
    written: Tally,
    progress: Progress,
) -> Tally:
    progress.begin("reading back", table.name, written.rows)
    places = [list(table.columns).index(name) for name in columns]
    tally = Tally()
    async with aclosing(transaction.stream(table.select)) as rows:
        async for row in rows:
            tally.add(to_line([row[place] for place in places]))
            if tally.rows % STEP_ROWS == 0:
                progress.advance(STEP_ROWS)
    return tally


def _batches(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(itertools.islice(lines, BATCH_ROWS)):
        yield batch


@contextmanager
def _told(table: StoredTable) -> Iterator[None]:
    """One line for whatever keeps a database from taking rows in that another one had."""
    try:
        yield
    except (BackupError, DomainError):
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise BackupError(f"table {table.name} cannot take the rows in: {said}") from error
