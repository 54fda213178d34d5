"""``blrcs audit``: reads and verifies the audit log. No server need run."""

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from blrcs.cli import audit_verify
from blrcs.cli.audit_target import DataFolder, data_directory_of, reader_of
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import print_table
from blrcs.config.duration import Duration
from blrcs.domain.audit_event import AuditEvent, Decision, EventFilter

if TYPE_CHECKING:
    from blrcs.audit.reading import AuditReader

NS_PER_S = 1_000_000_000
FOLLOW_PERIOD_S = 0.5
DECISIONS = [each for each in get_args(Decision) if each]
COLUMNS = ("time", "principal", "method", "resource", "address", "code", "reason", "times")

app = typer.Typer(help="Read, export and verify the audit log.", no_args_is_help=True)

app.command("verify")(audit_verify.verify)
app.command("key")(audit_verify.public_key)
app.command("rotate-key")(audit_verify.rotate_key)
app.command("checkpoints")(audit_verify.checkpoints)

Since = Annotated[
    str | None, typer.Option(help="None older: an instant, or a time ago such as 1h or 7d.")
]
Until = Annotated[str | None, typer.Option(help="Only older ones, likewise.")]
Principal = Annotated[str, typer.Option(help="Such as users/alice; who acts for it counts too.")]
Method = Annotated[
    str, typer.Option(help="Such as /blrcs.v1.UserService/CreateUser or /blrcs.v1.UserService/*.")
]
Resource = Annotated[str, typer.Option(help="On it, or on what lies below it.")]
DecisionOption = Annotated[str, typer.Option(help=f"One of: {', '.join(DECISIONS)}.")]


@app.command("list")
def list_events(
    data_directory: DataFolder = None,
    since: Since = "1d",
    until: Until = None,
    principal: Principal = "",
    method: Method = "",
    resource: Resource = "",
    decision: DecisionOption = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 100,
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """List records for people, oldest first."""
    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    wanted = _filter(since, until, principal, method, resource, decision, calls_only=True)
    newest = deque(_wanted(reader_of(directory), wanted), maxlen=limit)
    print_table(COLUMNS, [_cells(each) for each in newest])


@app.command("export")
def export(
    data_directory: DataFolder = None,
    since: Since = None,
    until: Until = None,
    principal: Principal = "",
    method: Method = "",
    resource: Resource = "",
    decision: DecisionOption = "",
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Write records as JSON Lines, as they lie in the chains, in the order of their instants."""
    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    wanted = _filter(since, until, principal, method, resource, decision)
    _write(_wanted(reader_of(directory), wanted))


@app.command("follow")
def follow(
    data_directory: DataFolder = None,
    principal: Principal = "",
    method: Method = "",
    resource: Resource = "",
    decision: DecisionOption = "",
    config_directory: ConfigDirectory = None,
    config_file: ConfigFile = None,
    environment: EnvironmentName = None,
) -> None:
    """Write new records as JSON Lines, as they come, until it is interrupted."""
    directory = data_directory_of(config_directory, config_file, environment, data_directory)
    wanted = _filter(None, None, principal, method, resource, decision)
    reader = reader_of(directory)
    seen = reader.ends()
    try:
        while True:
            for event in reader.behind(seen):
                seen[event.place.chain] = event.place.seq
                if wanted.takes(event):
                    _write([event])
            time.sleep(FOLLOW_PERIOD_S)
    except KeyboardInterrupt:
        return


def _filter(
    since: str | None,
    until: str | None,
    principal: str,
    method: str,
    resource: str,
    decision: str,
    *,
    calls_only: bool = False,
) -> EventFilter:
    if decision and decision not in DECISIONS:
        raise typer.BadParameter(f"--decision is one of {', '.join(DECISIONS)}")
    now_ns = time.time_ns()
    return EventFilter(
        since_ns=0 if since is None else _instant(since, now_ns, "--since"),
        until_ns=1 << 63 if until is None else _instant(until, now_ns, "--until"),
        principal=principal,
        method=method,
        resource=resource,
        decision=cast("Decision", decision),
        calls_only=calls_only,
    )


def _instant(text: str, now_ns: int, option: str) -> int:
    try:
        return now_ns - Duration.parse(text).ns
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter(
            f"{option} is an instant such as 2030-01-31T12:00:00Z, or a time ago such as 1h"
        ) from None
    return int(at.timestamp() * NS_PER_S)


def _wanted(reader: "AuditReader", wanted: EventFilter) -> Iterator[AuditEvent]:
    for event in reader.from_instant(wanted.since_ns):
        if event.place.time_ns >= wanted.until_ns:
            return
        if wanted.takes(event):
            yield event


def _write(events: Iterable[AuditEvent]) -> None:
    for event in events:
        sys.stdout.buffer.write(event.line)
    sys.stdout.buffer.flush()


def _cells(event: AuditEvent) -> tuple[str, ...]:
    texts = [event.text(name) for name in COLUMNS[:-1]]
    return (*texts, str(event.values.get("count", 1)))
