"""``blrcs records export``: from a running server into JSON Lines and CSV."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blrcs.cli.exit import fail
from blrcs.cli.records_ending import ended
from blrcs.cli.records_progress import TransferProgress
from blrcs.cli.records_server import (
    STANDARD,
    Access,
    Address,
    CollectionName,
    FormatName,
    Plaintext,
    Quiet,
    RetryFor,
    Tls,
    TokenFile,
    UserId,
    collection_or_exit,
    format_of,
)
from blrcs.cli.tls_channel import Authorities, OwnCertificate, OwnKey, ServerName, TlsFiles

if TYPE_CHECKING:
    from blrcs.transfer.export_job import Exported, ExportJob


def export(
    collection: CollectionName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - for stdout.")] = STANDARD,
    server: Address = "127.0.0.1:50051",
    token_file: TokenFile = None,
    user_id: UserId = None,
    authorities: Authorities = None,
    certificate: OwnCertificate = None,
    key: OwnKey = None,
    server_name: ServerName = None,
    retry_for: RetryFor = "60s",
    format_: FormatName = None,
    filter_: Annotated[
        str, typer.Option("--filter", help="Which records, as in ListRecords.")
    ] = "",
    order_by: Annotated[
        str, typer.Option(help="In which order, as in ListRecords; by default by name.")
    ] = "",
    fields: Annotated[
        str | None,
        typer.Option(
            help="CSV: the columns, with commas between them; by default all that there are."
        ),
    ] = None,
    *,
    safe_csv: Annotated[
        bool,
        typer.Option("--safe-csv", help="CSV: an apostrophe before texts that look like formulas."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an export to the file ended.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, though one was not finished.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    quiet: Quiet = False,
    tls: Tls = False,
    plaintext: Plaintext = False,
) -> None:
    """Export records to JSON Lines or CSV. A file has its name once it is whole.

    Records are read page by page and not as of one moment: what is written meanwhile may be in the
    file or not. Secret fields are not shown, and so not exported.
    """
    from blrcs.transfer.errors import TransferError  # noqa: PLC0415 - see the package
    from blrcs.transfer.export_job import ExportJob  # noqa: PLC0415

    path = None if file == STANDARD else Path(file)
    if resume and (path is None or restart):
        raise typer.BadParameter("--resume goes with a file, and not with --restart")
    try:
        job = ExportJob(
            collection=collection_or_exit(collection),
            path=path,
            format=format_of(format_, path),
            filter=filter_,
            order_by=order_by,
            fields=None if fields is None else tuple(fields.split(",")),
            safe=safe_csv,
        )
    except TransferError as error:
        raise typer.BadParameter(str(error)) from None
    files = TlsFiles(authorities, certificate, key, server_name)
    access = Access(server, token_file, user_id, files, tls, plaintext, retry_for)
    done = _run(job, access, _Begin(resume, restart, force), quiet=quiet)
    typer.echo(f"{done.records} records exported.", err=True)
    if done.incomplete:
        fail(
            f"{done.incomplete} of them have values for which there was no column when the export"
            " began; export again"
        )


@dataclass(frozen=True, slots=True)
class _Begin:
    """How an export begins where there is something already."""

    resume: bool
    restart: bool
    force: bool


def _run(job: "ExportJob", access: Access, begin: _Begin, *, quiet: bool) -> "Exported":
    stopping = threading.Event()
    with ended("export", resumable=job.path is not None):
        job.prepare(resume=begin.resume, restart=begin.restart, force=begin.force)
        with access.client(stopping) as client:
            total = job.count(client)
            with TransferProgress("export", total, quiet=quiet) as shown:
                return job.run(
                    client,
                    sys.stdout.buffer,
                    resume=begin.resume,
                    begin=lambda tally: shown.begin(tally.records, tally.records),
                    advance=lambda tally: shown.advance(tally.records, tally.records),
                )
