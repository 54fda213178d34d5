"""``blrcs keys``: the keys that sign access tokens."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
)
from blrcs.cli.exit import fail
from blrcs.cli.keys_target import KeysTarget, keys_in, told
from blrcs.config.duration import Duration
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.domain.key_schedule import KeySchedule, ScheduledKey

app = typer.Typer(
    help="List, rotate and retire the keys that sign access tokens.", no_args_is_help=True
)


@app.command("list")
def list_keys(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    as_json: Json = False,
) -> None:
    """List the keys, the newest last, with what each is good for."""
    with told():
        schedule = _target(config_directory, config_file, environment, data_directory).schedule()
    rows = [_values(schedule, key) for key in schedule.keys]
    if as_json:
        print_json(rows)
        return
    titles = ("KEY", "STATE", "CREATED", "SIGNS FROM", "VERIFIES UNTIL")
    names = ("kid", "state", "created", "signs_from", "verifies_until")
    print_table(titles, [tuple(row[name] or "" for name in names) for row in rows])


@app.command()
def rotate(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    prepublish: Annotated[
        str | None,
        typer.Option(
            "--in", help="When the new key begins to sign; by default auth.key_prepublish from now."
        ),
    ] = None,
) -> None:
    """Publish a new key that signs from a later time on. A running server takes it up by itself.

    The present key goes on to verify until the last token that it signed has expired.
    """
    target = _target(config_directory, config_file, environment, data_directory)
    delay_ns = target.auth.key_prepublish.ns if prepublish is None else _span_ns(prepublish)
    now_ns = time.time_ns()
    record_command(target.target.settings, "blrcs keys rotate", "keys")
    with told():
        added = target.directory.rotate(now_ns, sign_time_ns=now_ns + delay_ns)
    typer.echo(f"{added.kid} signs in {Duration(delay_ns)}")


@app.command()
def retire(
    kid: Annotated[str, typer.Argument(metavar="KEY", help="As `list` shows it.")],
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Retire the key that signs, too; another one begins to.")
    ] = False,
) -> None:
    """Withdraw a key: from then on no token is accepted that it signed, also by a running server.

    The command ends once that is in force.
    """
    target = _target(config_directory, config_file, environment, data_directory)
    record_command(target.target.settings, "blrcs keys retire", f"keys/{kid}")
    with told():
        target.directory.retire(kid, time.time_ns(), force=force)
        # First of all, and without the master key: somebody else may have the key.
        if not target.put_in_force(kid):
            fail(
                f"{escape(kid)} is retired, but the server that runs has not taken it up: "
                "its log says why"
            )
    # Whoever goes on to sign with it gives tokens that nobody takes.
    target.share(
        before=f"{escape(kid)} is retired, and its tokens are refused, but the machines that share "
        "keys could not be told, and may go on to sign with it: "
    )
    typer.echo(f"{kid} is retired")


def _target(
    config_directory: Path | None,
    config_file: Path | None,
    environment: str | None,
    data_directory: Path | None,
) -> KeysTarget:
    target: Target = find_target(config_directory, config_file, environment, data_directory)
    return keys_in(target)


def _span_ns(text: str) -> int:
    try:
        return Duration.parse(text).ns
    except ValueError as error:
        fail(f"{escape(text)} {error}")


def _values(schedule: "KeySchedule", key: "ScheduledKey") -> dict[str, Any]:
    from blrcs.security.key_manifest import iso_time  # noqa: PLC0415 - see the package

    end_ns = schedule.end_time_ns(key)
    return {
        "kid": key.kid,
        "state": str(schedule.state(key, time.time_ns())),
        "created": iso_time(key.create_time_ns),
        "signs_from": iso_time(key.sign_time_ns),
        "verifies_until": None if end_ns is None else iso_time(end_ns),
    }
