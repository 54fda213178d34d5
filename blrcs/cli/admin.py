"""``blrcs admin``: a way back in for whoever has the database."""

import asyncio
import re
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli.audit_command import record_command
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import DataFolder, find_target, told
from blrcs.cli.exit import fail

if TYPE_CHECKING:
    from blrcs.application.auth.recover_administrator import RecoveredAdministrator
    from blrcs.config.settings import Settings

USER_ID = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")

app = typer.Typer(help="Get back in where nobody can administer.", no_args_is_help=True)


@app.command()
def recover(
    user: Annotated[
        str, typer.Option(help="The id of the user; made where there is none.")
    ] = "admin",
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
    *,
    remove_denials: Annotated[
        bool,
        typer.Option(
            "--remove-denials",
            help="Delete the bindings that deny the user what mends bindings, for all they name.",
        ),
    ] = False,
) -> None:
    """Make a user administrator, enabled, with a new one-time password, while servers run or not.

    Its sessions end, and its second factors are removed. Servers that run take it up by themselves.
    """
    from blrcs.domain.errors import FailedPreconditionError  # noqa: PLC0415 - see the package

    if not USER_ID.fullmatch(user):
        raise typer.BadParameter("--user is the id of a user, such as admin, without users/")
    target = find_target(config_directory, config_file, environment, data_directory)
    with told():
        target.require_file()
    record_command(target.settings, "blrcs admin recover", f"users/{user}")
    with told():
        try:
            done = asyncio.run(_recover(target.settings, user, remove_denials=remove_denials))
        except FailedPreconditionError as error:
            if error.reason != "ADMINISTRATOR_DENIED":
                raise
            fail(f"nothing was done: {error.message}; --remove-denials deletes them")
    for line in _lines(user, done):
        typer.echo(line)


async def _recover(
    settings: "Settings", user: str, *, remove_denials: bool
) -> "RecoveredAdministrator":
    from blrcs.assembly.recovery import administrator_recovery  # noqa: PLC0415 - see the package

    async with administrator_recovery(settings) as recovery:
        return await recovery(user, remove_denials=remove_denials)


def _lines(user: str, done: "RecoveredAdministrator") -> list[str]:
    lines = [f"Deleted {name}, which denied it what mends bindings." for name in done.removed]
    if done.binding:
        lines.append(f"Bound roles/administrator on the root to users/{user} by {done.binding}.")
    if done.created:
        lines.append(f"Created the user {user!r}.")
    elif done.enabled:
        lines.append(f"Enabled the user {user!r}.")
    if not done.created:
        lines.append("Ended its sessions, and removed its second factors.")
    return [
        *lines,
        "",
        f"The one-time password of {user!r}, shown only now:\n\n    {done.password}\n",
        "Sign in with it, choose another by ChangePassword, and sign in anew with that.",
    ]
