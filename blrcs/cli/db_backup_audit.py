"""The audit log, taken along by ``blrcs db backup`` and ``restore``."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from blrcs.cli.audit_backup import told_of_audit
from blrcs.cli.audit_target import chains_of, own_key, trusted_keys
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.config.settings import Settings
    from blrcs.database.backup.backup_key import BackupKey


def require_audit(settings: "Settings", file: Path, *, beside: Path) -> None:
    """Ends the command where there is no audit log to back up, or its file is another one's."""
    if file.resolve() == beside.resolve():
        fail(f"{escape(str(file))}: is the file of the database; the audit log needs its own")
    chains_of(settings.data_directory)
    own_key(settings.data_directory)


def back_up_audit(settings: "Settings", file: Path, key: "BackupKey | None") -> bool:
    """Writes all chains to a file; whether they are as they were written."""
    from blrcs.audit.archive import write_archive  # noqa: PLC0415 - see the package
    from blrcs.audit.checkpoint import PublicAuditKeys, jwk_set  # noqa: PLC0415

    signing = own_key(settings.data_directory)
    chains = chains_of(settings.data_directory)
    with told_of_audit():
        report = write_archive(
            chains,
            file,
            PublicAuditKeys.of_jwks(signing.jwks()),
            public_key=jwk_set(signing),
            encrypt_to=key,
        )
    for finding in report.findings:
        typer.echo(f"blrcs: {finding}", err=True)
    typer.echo(f"Wrote {escape(str(file))}: {len(report.chains)} chains, read back.")
    return not report.findings


def restore_audit(
    settings: "Settings", file: Path, key: "BackupKey | None", public_keys: list[Path] | None
) -> None:
    """Puts the chains of a file beside the server's own, and verifies all of them then.

    What is wrong with the server's own is told of, and does not end the command.
    """
    from blrcs.audit.archive import unpacked  # noqa: PLC0415 - see the package
    from blrcs.audit.backup import BackupError  # noqa: PLC0415
    from blrcs.audit.checkpoint import PublicAuditKeys  # noqa: PLC0415
    from blrcs.audit.own_keys import OwnAuditKeys  # noqa: PLC0415
    from blrcs.audit.restoring import restore  # noqa: PLC0415
    from blrcs.audit.segments import DIRECTORY_MODE, FOLDER  # noqa: PLC0415
    from blrcs.audit.verification import Verification  # noqa: PLC0415

    directory = settings.data_directory
    with told_of_audit():
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        own = OwnAuditKeys(directory)
        with unpacked(file, directory, key) as folder:
            restored = restore(
                folder,
                directory / FOLDER,
                trusted_keys(public_keys, directory),
                given=file,
                signer=own,
                clock=time.time_ns,
                source=settings.audit.machine,
            )
        keys = PublicAuditKeys.of_jwks(own_key(directory).jwks())
        findings = Verification(directory / FOLDER, keys).run().findings
        for finding in findings:
            if finding.chain in restored:
                raise BackupError(f"{directory / FOLDER}: {finding}")
            typer.echo(f"blrcs: warning: not of the backup: {finding}", err=True)
    for chain, seq in restored.items():
        typer.echo(f"chain {chain}: restored up to record {seq}, read back and verified.")
