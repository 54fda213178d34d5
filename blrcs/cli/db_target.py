"""The database that the configuration names, as ``blrcs db`` works on it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blrcs.cli.config import NO_WRAP_COLUMNS, load_or_exit
from blrcs.cli.exit import fail
from blrcs.config.settings import Settings
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.migrations.branch import Branch
    from blrcs.database.migrations.road import MigrationRoad

DataFolder = Annotated[
    Path | None, typer.Option("--data", help="Where the database lies that no URL names.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Target:
    """A database, and the branches of migrations that it holds."""

    settings: Settings
    url: str
    branches: "tuple[Branch, ...]"

    @property
    def road(self) -> "MigrationRoad":
        """The way to it; ends the command where the URL is of no known kind."""
        # Only here: it takes longer to load than all that some commands run.
        from blrcs.database.kind import kind_of  # noqa: PLC0415 - see the package

        with told():
            return kind_of(self.url).road(self.url)

    def branch(self, name: str) -> "Branch":
        """The branch of that name; ends the command where there is none."""
        known = {each.name: each for each in self.branches}
        if name not in known:
            fail(
                f"there is no branch {escape(name)!r}; there are: {', '.join(known)};"
                " services.migrations names more"
            )
        return known[name]

    def named(self, name: str | None) -> "tuple[Branch, ...]":
        """The branch of that name alone, or all."""
        return self.branches if name is None else (self.branch(name),)

    @property
    def folder(self) -> Path | None:
        """The data directory, where the database lies in it."""
        return self.settings.data_directory if self.settings.database.url is None else None

    def require_file(self) -> None:
        """Raises DatabaseOpenError where the database lies in a folder, and is not there."""
        from blrcs.assembly.database_url import DATABASE_FILE  # noqa: PLC0415 - see the package
        from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415

        if self.folder is not None and not (self.folder / DATABASE_FILE).is_file():
            path = self.folder / DATABASE_FILE
            raise DatabaseOpenError(path, "there is no database; name its folder by --data")

    def make_folder(self) -> None:
        """The first command may come before the first server."""
        from blrcs.database.data_directory import DIRECTORY_MODE  # noqa: PLC0415 - see the package

        if self.folder is not None:
            try:
                self.folder.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            except OSError as error:
                fail(f"{escape(str(self.folder))}: {error.strerror}")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps servers away meanwhile, where the database lies in a folder of theirs."""
        from blrcs.database.data_directory import DataDirectory  # noqa: PLC0415 - see the package

        if self.folder is None:
            yield
            return
        with DataDirectory.open(self.folder):
            yield


def find_target(
    config_directory: Path | None,
    config_file: Path | None,
    environment: str | None,
    data_directory: Path | None,
) -> Target:
    """Reads the configuration as ``blrcs serve`` does; ends the command where it is wrong."""
    from blrcs.assembly.database_url import database_url  # noqa: PLC0415 - see the package
    from blrcs.database.migrations.declared import declared_branches  # noqa: PLC0415

    flags: dict[str, Any] = {
        "environment": environment,
        "data_directory": None if data_directory is None else str(data_directory),
    }
    settings = load_or_exit(config_directory, config_file, flags).settings
    url = database_url(settings)
    with told():
        return Target(settings, url, declared_branches(settings.services.migrations))


@contextmanager
def told(before: str = "") -> Iterator[None]:
    """Has a database that cannot be used end the command with one line, with what went before."""
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415 - see the package
    from blrcs.domain.errors import DomainError  # noqa: PLC0415

    try:
        yield
    except DatabaseOpenError as error:
        fail(before + escape(str(error)))
    except DomainError as error:
        fail(before + escape(error.message))


def print_json(values: Any) -> None:
    """For programs."""
    typer.echo(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())


def print_table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """For people; each row is one line where it is not a terminal that shows it."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = NO_WRAP_COLUMNS
    console.print(table)
