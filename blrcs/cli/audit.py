"""``blrcs audit``: reads and verifies the audit log. No server need run."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli import audit_backup, audit_follow, audit_verify
from blrcs.cli.audit_filter import (
    DecisionOption,
    Method,
    Principal,
    Resource,
    Since,
    Until,
    event_filter,
)
from blrcs.cli.audit_target import DataFolder, Trails, data_directory_of, reader_of
from blrcs.cli.config import ConfigDirectory, ConfigFile, EnvironmentName
from blrcs.cli.db_target import print_table
from blrcs.domain.audit_event import AuditEvent, EventFilter

if TYPE_CHECKING:
    from blrcs.audit.reading import AuditReader

TEXTS = ("time", "source", "principal", "method", "resource", "address", "code", "reason")
COLUMNS = (*TEXTS, "times")

app = typer.Typer(help="Read, export and verify the audit log.", no_args_is_help=True)

app.command("verify")(audit_verify.verify)
app.command("follow")(audit_follow.follow)
app.command("key")(audit_verify.public_key)
app.command("rotate-key")(audit_verify.rotate_key)
app.command("checkpoints")(audit_verify.checkpoints)
app.command("backup")(audit_backup.backup)
app.command("restore")(audit_backup.restore)


@app.command("list")
def list_events(
    data_directory: DataFolder = None,
    trail: Trails = None,
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
    wanted = event_filter(since, until, principal, method, resource, decision, calls_only=True)
    newest = deque(_wanted(reader_of(directory, trail), wanted), maxlen=limit)
    print_table(COLUMNS, [_cells(each) for each in newest])


@app.command("export")
def export(
    data_directory: DataFolder = None,
    trail: Trails = None,
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
    wanted = event_filter(since, until, principal, method, resource, decision)
    _write(_wanted(reader_of(directory, trail), wanted))


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
    texts = [event.text(name) for name in TEXTS]
    return (*texts, str(event.values.get("count", 1)))
