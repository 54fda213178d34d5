"""An export as its user asks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from blrcs.domain.record_name import CollectionKey
from blrcs.files import require_replaceable
from blrcs.transfer.call_error import CallError
from blrcs.transfer.csv_columns import RESERVED, column_path
from blrcs.transfer.entry import BadLineError
from blrcs.transfer.errors import TransferError
from blrcs.transfer.export_formats import CsvFormat, JsonLinesFormat, columns_of
from blrcs.transfer.progress_file import ProgressFile
from blrcs.transfer.reading import FileFormat
from blrcs.transfer.record_client import RecordClient
from blrcs.transfer.record_export import Advance, ExportTally, OutputFile, RecordExport, pages
from blrcs.v1 import record_pb2

SUFFIX = ".blrcs-export.json"
READ = ("data", "expire_time")


@dataclass(frozen=True, slots=True)
class Exported:
    """How many records were exported, and how many of them not with all that they have."""

    records: int
    incomplete: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """See the options of ``blrcs records export`` of the same names.

    Attributes:
        path: None for standard output.
    """

    collection: CollectionKey
    path: Path | None
    format: FileFormat = "jsonl"
    filter: str = ""
    order_by: str = ""
    fields: Sequence[str] | None = None
    safe: bool = False

    def __post_init__(self) -> None:
        if self.format == "jsonl" and (self.safe or self.fields is not None):
            raise TransferError("--fields and --safe-csv are about CSV")
        for name in self.fields or ():
            try:
                _ = RESERVED if name in RESERVED else column_path(name)
            except BadLineError as error:
                raise TransferError(f"--fields: {error}") from None

    def prepare(self, *, resume: bool, restart: bool, force: bool) -> None:
        """Looks at what is there already; TransferError or OSError where that is in the way."""
        if self.path is None:
            return
        require_replaceable(self.path)
        if self.path.exists() and not force:
            raise TransferError(f"{self.path} is there already; --force replaces it")
        progress = self._progress(self.path)
        if restart:
            progress.remove()
        elif not resume:
            progress.require_none()

    def count(self, client: RecordClient) -> int | None:
        """How many records there will be, if the server counts them."""
        request = record_pb2.CountRecordsRequest(parent=self.collection.name, filter=self.filter)
        try:
            return client.count(request)
        except CallError:
            return None

    def run(
        self,
        client: RecordClient,
        stream: BinaryIO,
        *,
        resume: bool,
        begin: Advance,
        advance: Advance,
    ) -> Exported:
        """Exports what is left.

        Raises:
            TransferError: It cannot begin, or go on. As after KeyboardInterrupt, an export to a
                file can be resumed.
        """
        progress = None if self.path is None else self._progress(self.path)
        members = {} if progress is None or not resume else progress.load()
        columns, incomplete = members.pop("columns", None), members.pop("incomplete", 0)
        try:
            tally = ExportTally(**members)
            format_ = self._format(client, columns)
            if isinstance(format_, CsvFormat):
                format_.incomplete = incomplete
            file = None
            if self.path is not None and progress is not None:
                file = OutputFile(self.path, progress)
            begin(tally)
            running = RecordExport(
                client, self._request(), format_, file=file, stream=stream, advance=advance
            )
            running.run(tally)
        except CallError as error:
            raise TransferError(str(error)) from None
        return Exported(tally.records, format_.incomplete if isinstance(format_, CsvFormat) else 0)

    def _progress(self, path: Path) -> ProgressFile:
        what: dict[str, Any] = {
            "collection": self.collection.name,
            "format": self.format,
            "filter": self.filter,
            "order_by": self.order_by,
            "fields": self.fields,
            "safe": self.safe,
        }
        return ProgressFile(path.with_name(path.name + SUFFIX), what)

    def _request(self) -> record_pb2.ListRecordsRequest:
        return record_pb2.ListRecordsRequest(
            parent=self.collection.name, filter=self.filter, order_by=self.order_by
        )

    def _format(
        self, client: RecordClient, columns: Sequence[str] | None
    ) -> CsvFormat | JsonLinesFormat:
        if self.format == "jsonl":
            return JsonLinesFormat()
        if self.fields is not None:
            return CsvFormat(self.fields, is_whole=False, safe=self.safe)
        if columns is None:
            found = (each for page in pages(client, self._request()) for each in page.records)
            columns = columns_of(found)
        return CsvFormat(columns, is_whole=True, safe=self.safe)
