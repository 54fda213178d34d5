"""``blrcs doctor``: what is unsafe."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName, load_or_exit
from blrcs.cli.db_target import Json, print_json
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.adapter import Transaction
    from blrcs.doctor.finding import Finding
    from blrcs.domain.access_policy import AccessPolicy
    from blrcs.encryption.known_master import KnownMaster


def doctor(
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: Annotated[
        Path | None, typer.Option("--data", help="Where the database and the keys lie.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List what is unsafe in the configuration, its files and what is stored.

    Exits with 1 where something critical stands that `doctor.accept` does not name. A server in
    production does not start with that.
    """
    from blrcs.cli.stored import read_stored  # noqa: PLC0415 - see the package
    from blrcs.database.errors import DatabaseOpenError  # noqa: PLC0415
    from blrcs.doctor.bindings import examine_bindings  # noqa: PLC0415
    from blrcs.doctor.examination import examine  # noqa: PLC0415
    from blrcs.doctor.finding import Severity  # noqa: PLC0415
    from blrcs.doctor.master_key import examine_master_key  # noqa: PLC0415
    from blrcs.encryption.known_master import KnownMaster  # noqa: PLC0415

    flags: dict[str, Any] = {
        "environment": environment,
        "data_directory": None if data_directory is None else str(data_directory),
    }
    loaded = load_or_exit(config_directory, config_file, flags)
    settings = loaded.settings
    findings = examine(loaded)
    unseen, known = "", KnownMaster()
    try:
        policy, known = read_stored(settings, _read)
        findings += examine_bindings(policy, time.time_ns())
    except DatabaseOpenError as error:
        unseen = str(error)
    findings += examine_master_key(settings, known, os.environ)
    accepted = settings.doctor.accept
    if as_json:
        print_json([_values(each, accepted=each.check in accepted) for each in findings])
        if unseen:
            typer.echo(f"blrcs: what is stored was not looked at: {escape(unseen)}", err=True)
    else:
        for each in sorted(findings, key=lambda each: each.severity is not Severity.CRITICAL):
            typer.echo(_text(each, accepted=each.check in accepted))
        if unseen:
            typer.echo(f"What is stored was not looked at: {escape(unseen)}")
        typer.echo(_summary(findings))
    if any(each.severity is Severity.CRITICAL and each.check not in accepted for each in findings):
        raise typer.Exit(1)


async def _read(transaction: "Transaction") -> "tuple[AccessPolicy, KnownMaster]":
    from blrcs.database.repositories.access import load_policy  # noqa: PLC0415 - see the package
    from blrcs.encryption.known_master import read_known  # noqa: PLC0415

    return await load_policy(transaction), await read_known(transaction)


def _text(finding: "Finding", *, accepted: bool) -> str:
    place = f"{finding.key}: " if finding.key else ""
    title = f"{finding.severity}{' (accepted)' if accepted else ''} {finding.check}"
    return f"{title}: {escape(place + finding.problem)}\n    {escape(finding.remedy)}"


def _summary(findings: "list[Finding]") -> str:
    if not findings:
        return "Nothing unsafe was found."
    critical = sum(each.severity == "critical" for each in findings)
    warnings = len(findings) - critical
    return f"{critical} critical, {warnings} warning{'' if warnings == 1 else 's'}."


def _values(finding: "Finding", *, accepted: bool) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "accepted": accepted,
        "key": finding.key,
        "problem": finding.problem,
        "remedy": finding.remedy,
    }
