"""Runs alembic's migrations on a connection that is open."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from blrcs.database.errors import DatabaseCorruptError, DatabaseOpenError
from blrcs.database.migrations.branch import (
    BASE,
    BLRCS,
    OWN_NAME,
    VERSION_TABLE,
    Branch,
    require_known,
)
from blrcs.database.tables import DIALECTS
from blrcs.database.types import OF_MARIADB, OF_MYSQL

MIGRATIONS = Path(__file__).parent

_EITHER = f"/*!80017 {OF_MYSQL} */ /*M! {OF_MARIADB} */"
"""Each of the two reads its own collation, and takes the other's for a comment."""

Report = Callable[[str], None]
"""Is told each step when it is done, in a line."""


def upgrade(
    connection: sa.Connection,
    place: Path | str,
    branches: Sequence[Branch] = (BLRCS,),
    report: Report | None = None,
) -> None:
    """Brings branches to their heads, in the transaction that the connection has begun.

    Args:
        connection: In a transaction; nobody else migrates meanwhile.
        place: What errors name.
        branches: Which.
        report: Is told of each revision.

    Raises:
        DatabaseTooNewError: One is at a revision that this version does not know.
        DatabaseCorruptError: It holds another program's tables.
        DatabaseOpenError: A step does not work.
    """
    for branch in branches:
        stored = stored_revision(connection, branch)
        require_known(branch, stored, place)
        if stored is None and branch.name == OWN_NAME and _is_foreign(connection):
            raise DatabaseCorruptError(place, "is the database of another program")
        if stored != branch.head:
            with _told(branch, place):
                command.upgrade(_config(branch, connection, report), "head")


def move(
    connection: sa.Connection,
    place: Path | str,
    branch: Branch,
    target: str,
    report: Report | None = None,
) -> None:
    """Brings a branch to a revision, or to ``base``, whether that is up or down.

    Raises:
        DatabaseTooNewError: It is at a revision that this version does not know.
        DatabaseOpenError: It has no such revision; or a step cannot be taken back.
    """
    stored = stored_revision(connection, branch)
    require_known(branch, stored, place)
    known = [each.id for each in branch.revisions]
    if target not in {*known, BASE}:
        raise DatabaseOpenError(place, f"{branch.name} has no revision {target!r}")
    here = -1 if stored is None else known.index(stored)
    there = -1 if target == BASE else known.index(target)
    with _told(branch, place):
        if there > here:
            command.upgrade(_config(branch, connection, report), target)
        elif there < here:
            command.downgrade(_config(branch, connection, report), target)


def write_sql(dialect: str, branch: Branch, begin: str | None, end: str) -> str:
    """What moving a branch from one revision to another would run, without a connection.

    What is written for ``mysql`` suits MariaDB too: such a URL may name either.
    """
    text = io.StringIO()
    config = _config(branch, None, None, output=text)
    config.attributes["dialect"] = dialect
    going_down = branch.revisions and (
        end == BASE or (begin is not None and branch.position(end) < branch.position(begin))
    )
    with _told(branch, dialect):
        if going_down:
            command.downgrade(config, f"{begin}:{end}", sql=True)
        else:
            command.upgrade(config, f"{begin or BASE}:{end}", sql=True)
    written = text.getvalue()
    return written.replace(OF_MYSQL, _EITHER) if dialect == "mysql" else written


def stored_revision(connection: sa.Connection, branch: Branch) -> str | None:
    """Where a branch is."""
    options = {"version_table": branch.version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def differences(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    """In what the tables of the database differ from those described, a line for each."""
    names = metadata.tables.keys()

    def is_ours(item: Any, name: str | None, kind: str, __: bool, ___: Any) -> bool:  # noqa: FBT001
        if kind == "index":
            return connection.dialect.name in item.info.get(DIALECTS, (connection.dialect.name,))
        return kind != "table" or name in names

    context = MigrationContext.configure(
        connection, opts={"include_object": is_ours, "compare_type": _is_other_type}
    )
    return [_describe(each) for each in compare_metadata(context, metadata)]


def _config(
    branch: Branch,
    connection: sa.Connection | None,
    report: Report | None,
    output: io.StringIO | None = None,
) -> Config:
    config = Config(output_buffer=output)
    config.set_main_option("script_location", _escaped(MIGRATIONS))
    config.set_main_option("version_locations", _escaped(branch.folder))
    config.set_main_option("path_separator", "newline")
    config.attributes.update(connection=connection, version_table=branch.version_table)

    def applied(step: Any, **_: Any) -> None:
        if report is not None:
            before, after = step.down_revision_ids or (BASE,), step.up_revision_ids
            moved = (*before, *after) if step.is_upgrade else (*after, *before)
            report(f"{branch.name}: {' -> '.join(moved)}")

    config.attributes["applied"] = applied
    return config


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")


@contextmanager
def _told(branch: Branch, place: Path | str) -> Iterator[None]:
    """One line for what a service's own migration may raise."""
    try:
        yield
    except DatabaseOpenError:
        raise
    except Exception as error:
        if branch.name == OWN_NAME:
            raise
        original = getattr(error, "orig", None) or error
        said = " ".join(f"{type(original).__name__}: {original}".split())
        raise DatabaseOpenError(place, f"a migration of {branch.name} fails: {said}") from error


def _is_foreign(connection: sa.Connection) -> bool:
    """Whether there are tables, and none of alembic's: it makes its own before all others."""
    tables = sa.inspect(connection).get_table_names()
    return bool(tables) and not any(name.startswith(VERSION_TABLE) for name in tables)


def _is_other_type(
    context: Any, column: Any, described: sa.Column[Any], found: Any, declared: Any
) -> bool | None:
    """Families of types are compared: each database has names of its own within one."""
    del column, described
    family = {each._type_affinity for each in (found, declared)}  # noqa: SLF001 - no other name
    if len(family) == 1 or family <= {sa.String, sa.Text} or family <= {sa.Boolean, sa.Integer}:
        return False
    # Types that Core does not know are told apart by what they are called.
    names = (each.compile(dialect=context.dialect) for each in (found, declared))
    return len({name.partition(" ")[0] for name in names}) > 1


def _describe(difference: Any) -> str:
    if isinstance(difference, list):
        return "; ".join(_describe(each) for each in difference)
    what, *subjects = difference
    named = []
    for each in subjects:
        if isinstance(each, sa.Table | sa.Column | sa.Index | sa.Constraint):
            table = getattr(each, "table", None)
            name = str(getattr(each, "name", None) or type(each).__name__)
            named.append(name if table is None else f"{table.name}.{name}")
        elif isinstance(each, str):
            named.append(each)
    return f"{what.replace('_', ' ')} {' '.join(named)}"
