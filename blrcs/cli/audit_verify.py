"""``blrcs audit verify``, and what others need to verify in another place."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blrcs.cli.audit_target import (
    DataFolder,
    Keys,
    Trails,
    chains_of,
    data_directory_of,
    own_key,
    trails_of,
    trusted_keys,
)
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import Json, print_json
from blrcs.cli.exit import fail
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.domain.audit_finding import ChainReport


def verify(
    data_directory: DataFolder = None,
    trail: Trails = None,
    key: Keys = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A file of checkpoints that was kept in another place."),
    ] = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    *,
    as_json: Json = False,
) -> None:
    """Say whether every record is as it was written, and name the first one that is not.

    Ends with 1 where anything is wrong. Without checkpoints that were kept elsewhere it cannot see
    that the newest records are missing from all chains.
    """
    from blrcs.audit.verification import Verification  # noqa: PLC0415 - see the package

    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    keys = trusted_keys(key, directory)
    try:
        kept = [line for path in checkpoint or () for line in _lines(path)]
        first, *others = trails_of(directory, trail)
        report = Verification(first, keys, kept, beside=others).run()
    except ValueError as error:
        fail(f"--checkpoint: {error}")
    except OSError as error:
        fail(f"{escape(str(error.filename))}: {error.strerror}")
    if not report.chains:
        fail(f"{escape(str(first))}: there is no chain")
    if as_json:
        print_json([_report_values(each) for each in report.chains])
    else:
        for each in report.chains:
            typer.echo(_report_text(each))
    if report.findings:
        raise typer.Exit(1)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def public_key(
    data_directory: DataFolder = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Print the public key (JWK Set), for those who verify in another place.

    After a rotation the key that was printed before still does.
    """
    from blrcs.audit.checkpoint import jwk_set  # noqa: PLC0415 - see the package

    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    typer.echo(jwk_set(own_key(directory)).decode())


def rotate_key(
    data_directory: DataFolder = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Have a new key sign. A running server takes it up with its next checkpoint.

    Whoever trusts the key before may trust the new one: the one before signs that. Its private half
    is gone then, and what it has signed stays verifiable.
    """
    from blrcs.audit import own_keys  # noqa: PLC0415 - see the package
    from blrcs.security.key_file import KeyFileError  # noqa: PLC0415

    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    chains_of(directory)
    try:
        kid = own_keys.rotate_key(directory, time.time_ns)
    except KeyFileError as error:
        fail(escape(str(error)))
    except OSError as error:
        fail(f"{escape(str(error.filename))}: {error.strerror}")
    typer.echo(f"{kid} signs from the next checkpoint on")


def checkpoints(
    data_directory: DataFolder = None,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Print the last checkpoint of each chain, to be kept in another place."""
    from blrcs.audit.segments import HEAD, chains_in  # noqa: PLC0415 - see the package

    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    for chain in chains_in(chains_of(directory)):
        try:
            typer.echo((chain / HEAD).read_text(), nl=False)
        except FileNotFoundError:
            continue


def _report_values(report: "ChainReport") -> dict[str, Any]:
    finding = report.finding
    return {
        "chain": report.chain,
        "first_seq": report.first_seq,
        "last_seq": report.last_seq,
        "signed_seq": report.signed_seq,
        "problem": "" if finding is None else finding.problem,
        "seq": 0 if finding is None else finding.seq,
        "detail": "" if finding is None else finding.detail,
    }


def _report_text(report: "ChainReport") -> str:
    finding = report.finding
    if finding is not None:
        return str(finding)
    if not report.last_seq:
        return f"chain {report.chain}: holds no record"
    unsigned = report.last_seq - report.signed_seq
    rest = f", the last {unsigned} not signed yet" if unsigned else ""
    return (
        f"chain {report.chain}: records {report.first_seq} to {report.last_seq}"
        f" are as they were written{rest}"
    )
