"""``blrcs db slow``: which statements took long."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName, load_or_exit
from blrcs.cli.db_target import Json, print_json
from blrcs.cli.exit import fail
from blrcs.config.duration import Duration
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.database.slow_log.summary import SlowGroup

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def slow(
    since: Annotated[
        str | None, typer.Option(help="No older ones than that, such as 1h or 30m.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many statements at most.")] = 20,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
    data_directory: Annotated[
        Path | None, typer.Option("--data", help="The data directory of the server.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the statements that took long, with their plans; those first that cost most in all."""
    from blrcs.database.slow_log.file import FILE_NAME, SlowLogFile  # noqa: PLC0415 - see package
    from blrcs.database.slow_log.summary import summarize  # noqa: PLC0415

    flags: dict[str, Any] = {
        "environment": environment,
        "data_directory": None if data_directory is None else str(data_directory),
    }
    settings = load_or_exit(config_directory, config_file, flags).settings
    file = SlowLogFile(settings.data_directory / FILE_NAME)
    try:
        groups = summarize(file.entries(), since_ns=_since_ns(since))[:limit]
    except OSError as error:
        fail(f"{escape(str(file.path))}: {error.strerror}")
    if as_json:
        print_json([_values(each) for each in groups])
        return
    if not groups:
        least = settings.database.slow_query
        typer.echo(f"No statement took longer than {least}." if least.ns else "The log is off.")
    for each in groups:
        typer.echo(_text(each))


def _since_ns(since: str | None) -> int:
    if since is None:
        return 0
    try:
        return time.time_ns() - Duration.parse(since).ns
    except ValueError as error:
        raise typer.BadParameter(f"--since {error}") from None


def _values(group: "SlowGroup") -> dict[str, Any]:
    return {
        "sql": group.sql,
        "count": len(group.durations_ns),
        "total_ms": group.total_ns / NS_PER_MS,
        "p50_ms": group.p50_ns / NS_PER_MS,
        "max_ms": group.max_ns / NS_PER_MS,
        "waited_ms": group.waited_ns / NS_PER_MS,
        "last": _time(group.last_ns),
        "caller": group.caller,
        "hint": group.hint,
        "plan": group.plan,
    }


def _text(group: "SlowGroup") -> str:
    times = ", ".join(
        f"{name} {duration_ns / NS_PER_MS:.0f} ms"
        for name, duration_ns in (
            ("total", group.total_ns),
            ("p50", group.p50_ns),
            ("max", group.max_ns),
            ("waited", group.waited_ns),
        )
    )
    lines = [f"{len(group.durations_ns)} times, {times}, last {_time(group.last_ns)}"]
    lines += [f"  {escape(line)}" for line in group.sql.split("\n")]
    lines.append(f"  by {escape(group.caller)}")
    if group.hint is not None:
        lines.append(f"  hint: {escape(group.hint)}")
    if group.plan is not None:
        lines += ["  plan:", *(f"    {escape(line)}" for line in group.plan.split("\n"))]
    return "\n".join(lines) + "\n"


def _time(at_ns: int) -> str:
    at = datetime.fromtimestamp(at_ns / NS_PER_S, UTC).isoformat(timespec="seconds")
    return at.replace("+00:00", "Z")
