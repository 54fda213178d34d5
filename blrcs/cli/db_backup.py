"""``blrcs db`` on backups."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from blrcs.cli.audit_command import record_command
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_backup_audit import back_up_audit, require_audit, restore_audit
from blrcs.cli.db_target import DataFolder, find_target, told
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.backup.backup_key import BackupKey
    from blrcs.database.backup.progress import Progress
    from blrcs.database.backup.values import Tally

PUBLIC_SUFFIX = ".pub"
File = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the backup.")]


def backup(
    file: File,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    encrypt_to: Annotated[
        Path | None,
        typer.Option("--encrypt-to", help="A key, or a public key, that the file is encrypted to."),
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option("--audit", help="A file for the audit log, encrypted likewise."),
    ] = None,
) -> None:
    """Write all tables to a file, as of one moment, while servers run, and read it back.

    The file holds hashes of passwords: it is for its owner alone. The signing key is not in it.
    Ends with 1 where the audit log is not as it was written; it is copied all the same.
    """
    from blrcs import __version__  # noqa: PLC0415 - see the package
    from blrcs.database.backup.write import write_backup  # noqa: PLC0415

    found = find_target(config_directory, config_file, environment, data_directory)
    key = _key_in(encrypt_to)
    if audit is not None:
        require_audit(found.settings, audit, beside=file)
    record_command(found.settings, "blrcs db backup", str(file.absolute()))
    tallies = _run(partial(write_backup, found.url, file, version=__version__, encrypt_to=key))
    typer.echo(f"Wrote {file}: {_summary(tallies)}, read back and found equal.")
    if audit is not None and not back_up_audit(found.settings, audit, key):
        raise typer.Exit(1)


def restore(
    file: File,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    key_file: Annotated[
        Path | None, typer.Option("--key", help="What opens the files, where they are encrypted.")
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option("--audit", help="That of the audit log, which comes first."),
    ] = None,
    audit_key: Annotated[
        list[Path] | None,
        typer.Option("--audit-key", help="Verifies them; by default the server's own key does."),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the tables.")] = False,
) -> None:
    """Fill an empty database with a backup, of whichever kind of database that is.

    No server may run on it. Where anything is wrong with the file, no row has changed.
    """
    from blrcs.database.backup.restore import restore_backup  # noqa: PLC0415 - see the package

    found = find_target(config_directory, config_file, environment, data_directory)
    key = _key_in(key_file)
    with told(), found.alone():
        record_command(
            found.settings, "blrcs db restore", str(file.absolute()), begin=audit is not None
        )
        if audit is not None:
            restore_audit(found.settings, audit, key, audit_key)
        tallies = _run(
            partial(restore_backup, found.url, file, found.branches, key=key, force=force)
        )
    typer.echo(f"Restored {_summary(tallies)}, read back and found equal.")


def _key_in(path: Path | None) -> "BackupKey | None":
    """Of a file that only its owner may read, unless it is a public one."""
    from blrcs.database.backup.backup_key import parse_backup_key  # noqa: PLC0415 - see the package
    from blrcs.database.backup.errors import BackupError  # noqa: PLC0415
    from blrcs.security.key_file import KeyFileError, read_key_file  # noqa: PLC0415

    if path is None:
        return None
    try:
        is_public = path.suffix == PUBLIC_SUFFIX
        return parse_backup_key(path.read_bytes() if is_public else read_key_file(path))
    except OSError as error:
        fail(f"{escape(str(path))}: cannot be read: {error.strerror}")
    except KeyFileError as error:
        fail(escape(str(error)))
    except BackupError as error:
        fail(f"{escape(str(path))}: {error}")


def _run(work: "Callable[..., Any]") -> "dict[str, Tally]":
    from blrcs.database.backup.errors import BackupError  # noqa: PLC0415 - see the package

    try:
        with told(), _shown() as progress:
            found: dict[str, Tally] = asyncio.run(work(progress=progress))
    except BackupError as error:
        fail(escape(str(error)))
    return found


def _summary(tallies: "dict[str, Tally]") -> str:
    rows = sum(each.rows for each in tallies.values())
    return f"{rows} rows of {len(tallies)} tables"


@contextmanager
def _shown() -> "Iterator[Progress]":
    """Bars on a terminal; else a line for each table."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _Bars(bars)


class _Lines:
    """A Progress for logs."""

    def begin(self, what: str, table: str, total: int | None) -> None:
        rows = "" if total is None else f" ({total} rows)"
        typer.echo(f"{what} {table}{rows}", err=True)

    def advance(self, rows: int) -> None:
        """A line is a table."""


class _Bars:
    """A Progress for people; the totals of the first pass are those of the next, too."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def begin(self, what: str, table: str, total: int | None) -> None:
        self._finish()
        self._task = self._bars.add_task(f"{what} {table}", total=total)

    def advance(self, rows: int) -> None:
        if self._task is not None:
            self._bars.advance(self._task, rows)

    def _finish(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
