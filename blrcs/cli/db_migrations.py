"""``blrcs db`` on migrations."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli.audit_command import record_command
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import (
    DataFolder,
    Json,
    Target,
    find_target,
    print_json,
    print_table,
    told,
)
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.migrations.branch import Branch

BranchName = Annotated[
    str | None, typer.Option("--branch", help="One branch alone; by default all.")
]
Sql = Annotated[bool, typer.Option("--sql", help="Print what would be run; ask no database.")]
Start = Annotated[
    str | None, typer.Option("--from", help="With --sql: where the database is; by default base.")
]


def upgrade(
    branch: BranchName = None,
    target: Annotated[
        str | None, typer.Option("--to", help="A revision of the branch, and not its newest.")
    ] = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    begin: Start = None,
    *,
    sql: Sql = False,
) -> None:
    """Run the migrations that are to be run; one process at a time does, and others wait."""
    if branch is None and (target is not None or begin is not None):
        raise typer.BadParameter("--to and --from are of one branch: give --branch")
    found = find_target(config_directory, config_file, environment, data_directory)
    branches = found.named(branch)
    if sql:
        for each in branches:
            _print_sql(found, each, begin, target or each.head)
        return
    found.make_folder()
    with told():
        asyncio.run(_upgrade(found, branches, target))


def downgrade(
    target: Annotated[str, typer.Argument(help="The revision to go back to, or base.")],
    branch: Annotated[str, typer.Option("--branch", help="Which branch.")] = "blrcs",
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    begin: Start = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sql: Sql = False,
) -> None:
    """Take migrations back. What they had added is lost, with all that is in it.

    No server may run: it would find tables missing.
    """
    found = find_target(config_directory, config_file, environment, data_directory)
    one = found.branch(branch)
    _require_revision(one, target)
    if sql:
        _print_sql(found, one, begin or one.head, target)
        return
    if not yes:
        place = escape(str(found.road.place))
        typer.confirm(
            f"Take {one.name} at {place} back to {target}? Data is lost", abort=True, err=True
        )
    with told(), found.alone():
        asyncio.run(_downgrade(found, one, target))


def status(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    as_json: Json = False,
) -> None:
    """Say at which revision each branch is, and which it should be at."""
    found = find_target(config_directory, config_file, environment, data_directory)
    rows = [
        (each.name, stored or "base", each.head or "base", _state(each, stored))
        for each, stored in _stored(found)
    ]
    if as_json:
        names = ("branch", "at", "head", "state")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        typer.echo(f"{escape(str(found.road.place))}\n")
        print_table(("branch", "at", "head", "state"), rows)


def check(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Print OK; or each migration to be run, and each table that is not as declared, and exit 1."""
    found = find_target(config_directory, config_file, environment, data_directory)
    problems = []
    for each, stored in _stored(found):
        if not _is_known(each, stored):
            problems.append(f"{each.name}: at {stored!r}, which this version does not know")
            continue
        problems += [
            f"{each.name}: {step.id} is to be run: {step.title}" for step in each.after(stored)
        ]
    if not problems:
        problems = [f"tables are not as declared: {each}" for each in _differences(found)]
    for problem in problems:
        typer.echo(escape(problem), err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("OK: every branch is at its head, and our tables are as declared")


def history(
    branch: BranchName = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    as_json: Json = False,
) -> None:
    """List the revisions of each branch, and which of them have been run."""
    found = find_target(config_directory, config_file, environment, data_directory)
    rows = []
    for each, stored in _stored(found):
        if branch is None or each is found.branch(branch):
            left = each.after(stored) if _is_known(each, stored) else ()
            for step in each.revisions:
                state = "pending" if step in left else "current" if step.id == stored else "run"
                rows.append((each.name, step.id, state, step.title))
    if as_json:
        names = ("branch", "revision", "state", "title")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(("branch", "revision", "state", "title"), rows)


def revision(
    branch: Annotated[str, typer.Argument(help="The branch that it is added to.")],
    message: Annotated[str, typer.Argument(help="What it does, in a few words.")],
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Write a file for a new migration, to be filled in."""
    from blrcs.database.migrations.new_revision import write_revision  # noqa: PLC0415 - see package

    found = find_target(config_directory, config_file, environment, None)
    try:
        with told():
            path = write_revision(found.branch(branch), message)
    except OSError as error:
        fail(f"{escape(str(error.filename))}: {error.strerror}")
    typer.echo(f"Wrote {path}")


async def _upgrade(found: Target, branches: "tuple[Branch, ...]", target: str | None) -> None:
    stored = await found.road.stored([each.version_table for each in branches])
    if target is None and stored == [each.head for each in branches]:
        typer.echo("Nothing is to be run.")
        return
    from blrcs.database.migrations.running import move  # noqa: PLC0415 - see the package
    from blrcs.database.migrations.running import upgrade as run  # noqa: PLC0415

    if target is None:
        _record(found, "upgrade", [(each, each.head) for each in branches])
        await found.road.run(
            partial(run, place=found.road.place, branches=branches, report=typer.echo)
        )
    else:
        (one,) = branches
        _require_revision(one, target)
        if _is_known(one, stored[0]) and target not in {stored[0], *_left(one, stored[0])}:
            fail(f"{one.name} is beyond {target} already; blrcs db downgrade goes back")
        _record(found, "upgrade", [(one, target)])
        await found.road.run(
            partial(move, place=found.road.place, branch=one, target=target, report=typer.echo)
        )
    typer.echo("Done.")


async def _downgrade(found: Target, branch: "Branch", target: str) -> None:
    (stored,) = await found.road.stored([branch.version_table])
    if target != "base" and _is_known(branch, stored) and target in _left(branch, stored):
        fail(f"{branch.name} is at {stored or 'base'} only; blrcs db upgrade goes on")
    _record(found, "downgrade", [(branch, target)])
    from blrcs.database.migrations.running import move  # noqa: PLC0415 - see the package

    await found.road.run(
        partial(move, place=found.road.place, branch=branch, target=target, report=typer.echo)
    )
    typer.echo("Done.")


def _record(found: Target, command: str, targets: "list[tuple[Branch, str | None]]") -> None:
    places = [f"{branch.name}@{revision or 'base'}" for branch, revision in targets]
    record_command(found.settings, f"blrcs db {command}", " ".join(places))


def _stored(found: Target) -> "list[tuple[Branch, str | None]]":
    with told():
        stored = asyncio.run(found.road.stored([each.version_table for each in found.branches]))
    return list(zip(found.branches, stored, strict=True))


def _differences(found: Target) -> list[str]:
    from blrcs.database.migrations.running import differences  # noqa: PLC0415 - see the package
    from blrcs.database.tables import metadata  # noqa: PLC0415

    with told():
        return asyncio.run(found.road.run(partial(differences, metadata=metadata)))


def _print_sql(found: Target, branch: "Branch", begin: str | None, end: str | None) -> None:
    from blrcs.database.migrations.running import write_sql  # noqa: PLC0415 - see the package

    for each in filter(None, (begin, end)):
        _require_revision(branch, each)
    if end is not None:
        with told():
            typer.echo(write_sql(found.road.dialect, branch, begin, end), nl=False)


def _require_revision(branch: "Branch", name: str) -> None:
    with told():
        known = [each.id for each in branch.revisions]
    if name not in {"base", *known}:
        fail(f"{branch.name} has no revision {escape(name)!r}; it has: {', '.join(known)}")


def _is_known(branch: "Branch", stored: str | None) -> bool:
    return stored is None or any(each.id == stored for each in branch.revisions)


def _left(branch: "Branch", stored: str | None) -> list[str]:
    return [each.id for each in branch.after(stored)]


def _state(branch: "Branch", stored: str | None) -> str:
    if not _is_known(branch, stored):
        return "newer than this version"
    left = len(branch.after(stored))
    return f"{left} to be run" if left else "up to date"
