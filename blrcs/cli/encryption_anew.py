"""``blrcs encryption`` on what is encrypted."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli.audit_command import record_command
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import DataFolder, find_target
from blrcs.cli.encryption_target import OpenKeys, with_keys
from blrcs.cli.exit import fail

if TYPE_CHECKING:
    from blrcs.encryption.stored_key import StoredKey

MS_PER_S = 1000
MAX_PAUSE_MS = 60_000


def reencrypt(
    pause_ms: Annotated[
        int, typer.Option("--pause-ms", help="Rest after each batch.", min=0, max=MAX_PAUSE_MS)
    ] = 10,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Encrypt anew, with the keys in force, what was encrypted with others, while servers run.

    Killed, it goes on where it was when it is run again.
    """
    found = find_target(config_directory, config_file, environment, data_directory)
    record_command(found.settings, "blrcs encryption reencrypt", "")
    count, named, refused = with_keys(found, lambda opened: _reencrypt(opened, pause_ms / MS_PER_S))
    typer.echo(f"Encrypted {count} values anew.")
    if refused:
        before = (
            f"; a run that was stopped came upon {refused - named} of them, and another run of all"
            " names them again"
        )
        fail(
            f"{refused} records have values that cannot be opened; they stay as they are"
            + (before if refused > named else "")
        )


def destroy_old(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: DataFolder = None,
) -> None:
    """Destroy the keys that nothing is encrypted with any more, after having looked."""
    from blrcs.encryption.stored_key import described  # noqa: PLC0415 - see the package

    found = find_target(config_directory, config_file, environment, data_directory)
    record_command(found.settings, "blrcs encryption destroy-old", "")
    gone, needed = with_keys(found, _destroy_old)
    for key in needed:
        # The server's own stay for a while.
        why = "Still needed" if key.scope.tenant else "Still needed, or rotated within ten minutes"
        typer.echo(f"{why}: {described(key.scope)}, key {key.key_id.hex()}.")
    typer.echo(f"Destroyed {len(gone)} keys.")


async def _reencrypt(opened: OpenKeys, pause_s: float) -> tuple[int, int, int]:
    """Values encrypted anew, records named, and these with those of the run before."""
    from blrcs.encryption.reencryption import Reencryption  # noqa: PLC0415 - see the package

    count = named = 0
    reencryption = Reencryption(opened.database, opened.keys, pause_s=pause_s)
    async for progress in reencryption.run():
        count += progress.sealed_anew
        named += len(progress.refused)
        typer.echo(
            f"{progress.name}: {progress.done} of {progress.total} {progress.kept}", err=True
        )
        for name in progress.refused:
            typer.echo(f"{name}: cannot be opened", err=True)
    return count, named, reencryption.refused


async def _destroy_old(opened: OpenKeys) -> "tuple[list[StoredKey], list[StoredKey]]":
    from blrcs.encryption.retirement import destroy_unused  # noqa: PLC0415 - see the package

    return await destroy_unused(opened.database, time.time_ns())
