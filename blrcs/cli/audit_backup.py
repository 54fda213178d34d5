"""``blrcs audit backup`` and ``restore``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from blrcs.cli.audit_target import (
    DataFolder,
    Keys,
    chains_of,
    own_key,
    settings_of,
    trusted_keys,
)
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the backup.")]


def backup(
    folder: Folder,
    data_directory: DataFolder = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Copy all chains up to what is signed, while servers run, read them back and verify them.

    Ends with 1 where they are not as they were written; they are copied all the same. The private
    key is not in it.
    """
    from blrcs.audit.backup import back_up  # noqa: PLC0415 - see the package
    from blrcs.audit.checkpoint import PublicAuditKeys, jwk_set  # noqa: PLC0415

    settings = settings_of(config_directory, config_file, environment, data_directory)
    key = own_key(settings.data_directory)
    chains = chains_of(settings.data_directory)
    with told_of_audit():
        report = back_up(
            chains, folder, PublicAuditKeys.of_jwks(key.jwks()), public_key=jwk_set(key)
        )
    for finding in report.findings:
        typer.echo(f"blrcs: {finding}", err=True)
    typer.echo(f"Wrote {escape(str(folder))}: {len(report.chains)} chains, read back.")
    if report.findings:
        raise typer.Exit(1)


def restore(
    folder: Folder,
    data_directory: DataFolder = None,
    key: Keys = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Put the chains of a backup beside the server's own; a signed record of those tells of it.

    Nobody writes to a restored chain any more. A backup that is not as it was written is refused,
    and so is one of chains that are there already.
    """
    from blrcs.audit.own_keys import OwnAuditKeys  # noqa: PLC0415 - see the package
    from blrcs.audit.restoring import restore as restore_chains  # noqa: PLC0415
    from blrcs.audit.segments import DIRECTORY_MODE, FOLDER  # noqa: PLC0415

    settings = settings_of(config_directory, config_file, environment, data_directory)
    directory = settings.data_directory
    with told_of_audit():
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        own = OwnAuditKeys(directory)
        restored = restore_chains(
            folder,
            directory / FOLDER,
            trusted_keys(key, directory),
            signer=own,
            clock=time.time_ns,
            source=settings.audit.machine,
        )
    for chain, seq in restored.items():
        typer.echo(f"chain {chain}: restored up to record {seq}")


@contextmanager
def told_of_audit() -> Iterator[None]:
    """Has what cannot be done end the command with one line."""
    from blrcs.audit.backup import BackupError  # noqa: PLC0415 - see the package
    from blrcs.audit.restoring import RestoreError  # noqa: PLC0415
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415

    try:
        yield
    except (BackupError, RestoreError, KeyFileError) as error:
        fail(escape(str(error)))
    except OSError as error:
        fail(f"{escape(str(error.filename))}: {error.strerror}")
