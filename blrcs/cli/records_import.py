"""``blrcs records import``: from JSON Lines and CSV into a running server."""

import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

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
from blrcs.monitoring.log_values import escape

if TYPE_CHECKING:
    from blrcs.transfer.csv_columns import Kind
    from blrcs.transfer.entry import Reject
    from blrcs.transfer.import_job import ImportJob
    from blrcs.transfer.record_import import ImportTally

KINDS: "dict[str, Kind]" = {
    "string": "string",
    "number": "number",
    "bool": "bool",
    "json": "json",
}


def import_(
    collection: CollectionName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to import; - for stdin.")],
    server: Address = "127.0.0.1:50051",
    token_file: TokenFile = None,
    user_id: UserId = None,
    authorities: Authorities = None,
    certificate: OwnCertificate = None,
    key: OwnKey = None,
    server_name: ServerName = None,
    retry_for: RetryFor = "60s",
    format_: FormatName = None,
    id_field: Annotated[
        str | None,
        typer.Option(help="Where a record's id is in its data; it stays there."),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=TYPE",
            help="CSV: string (as all are by default), number, bool or json; may be repeated.",
        ),
    ] = None,
    on_conflict: Annotated[
        Literal["fail", "skip", "replace"],
        typer.Option(help="What becomes of a record whose id is there already."),
    ] = "fail",
    rejects: Annotated[
        Path | None, typer.Option(help="Where lines go that are not imported, as JSON Lines.")
    ] = None,
    max_rejects: Annotated[
        int | None, typer.Option(min=0, help="Stop when more lines than this are rejected.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, max=1000, help="Records written by one call.")
    ] = 1000,
    in_flight: Annotated[int, typer.Option(min=1, max=64, help="Calls at once.")] = 8,
    *,
    documents: Annotated[
        bool,
        typer.Option("--documents", help="JSON Lines: each line is the data, without an id."),
    ] = False,
    infer: Annotated[
        bool, typer.Option("--infer", help="CSV: take what looks like JSON for it.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an import of the file ended.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, though one was not finished.")
    ] = False,
    quiet: Quiet = False,
    tls: Tls = False,
    plaintext: Plaintext = False,
) -> None:
    """Import records from JSON Lines or CSV: every line once, and each bad one told of.

    Exit 0 if all lines are imported, 1 if some are rejected or it could not go on, 130 if it was
    interrupted. After either of the last two, --resume goes on.
    """
    from blrcs.transfer.errors import TransferError  # noqa: PLC0415 - see the package
    from blrcs.transfer.import_job import ImportJob  # noqa: PLC0415
    from blrcs.transfer.reading import Reading  # noqa: PLC0415

    path = None if file == STANDARD else Path(file)
    if resume and (path is None or restart):
        raise typer.BadParameter("--resume goes with a file, and not with --restart")
    try:
        job = ImportJob(
            collection=collection_or_exit(collection),
            path=path,
            reading=Reading(
                format=format_of(format_, path),
                documents=documents or id_field is not None,
                id_field=id_field,
                types=_kinds(types or []),
                infer=infer,
            ),
            on_conflict=on_conflict,
            rejects=rejects,
            max_rejects=max_rejects,
            batch_size=batch_size,
            in_flight=in_flight,
        )
    except TransferError as error:
        raise typer.BadParameter(escape(str(error))) from None
    files = TlsFiles(authorities, certificate, key, server_name)
    access = Access(server, token_file, user_id, files, tls, plaintext, retry_for)
    tally = _run(job, access, resume=resume, restart=restart, quiet=quiet)
    typer.echo(
        f"{tally.written} records written, {tally.skipped} skipped,"
        f" {tally.rejected} lines rejected."
    )
    if tally.rejected:
        raise typer.Exit(1)


def _run(
    job: "ImportJob", access: Access, *, resume: bool, restart: bool, quiet: bool
) -> "ImportTally":
    from blrcs.transfer.source import Source  # noqa: PLC0415 - see the package

    stopping = threading.Event()
    with (
        ended("import", resumable=job.path is not None),
        closing(Source.open(job.path)) as source,
    ):
        progress = job.progress_file(source)
        if progress is not None and restart:
            progress.remove()
        elif progress is not None and not resume:
            progress.require_none()
        with (
            access.client(stopping) as client,
            TransferProgress("import", source.size_bytes, quiet=quiet) as shown,
        ):
            running = job.on(
                client,
                source,
                progress=progress,
                tell=partial(_tell, shown, job.path),
                advance=lambda tally: shown.advance(tally.offset, _settled(tally)),
                stopping=stopping,
            )
            if resume:
                running.resume()
            shown.begin(running.tally.offset, _settled(running.tally))
            running.run()
            return running.tally


def _settled(tally: "ImportTally") -> int:
    return tally.written + tally.skipped + tally.rejected


def _tell(shown: TransferProgress, path: Path | None, reject: "Reject") -> None:
    shown.tell(f"{path or 'stdin'}:{reject.line.number}: {reject.reason}")


def _kinds(given: list[str]) -> "dict[str, Kind]":
    kinds: dict[str, Kind] = {}
    for each in given:
        name, _, kind = each.rpartition("=")
        if not name or kind not in KINDS:
            raise typer.BadParameter(f"--types {each}: COLUMN=TYPE, of {', '.join(KINDS)}")
        kinds[name] = KINDS[kind]
    return kinds
