"""An import as its user asks for it."""

import threading
from dataclasses import dataclass
from pathlib import Path

from blrcs.domain.record_name import CollectionKey
from blrcs.transfer.batch import MAX_ENTRIES, Batching
from blrcs.transfer.batch_writer import BatchWriter, OnConflict
from blrcs.transfer.errors import TransferError
from blrcs.transfer.progress_file import ProgressFile
from blrcs.transfer.reading import Reading
from blrcs.transfer.record_client import RecordClient
from blrcs.transfer.record_import import Advance, RecordImport
from blrcs.transfer.reject_log import RejectLog, Tell
from blrcs.transfer.source import Source
from blrcs.transfer.stored_records import StoredRecords

SUFFIX = ".blrcs-import.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """See the options of ``blrcs records import`` of the same names.

    Attributes:
        path: None for standard input.
    """

    collection: CollectionKey
    path: Path | None
    reading: Reading
    on_conflict: OnConflict = "fail"
    rejects: Path | None = None
    max_rejects: int | None = None
    batch_size: int = MAX_ENTRIES
    in_flight: int = 8

    def progress_file(self, source: Source) -> ProgressFile | None:
        """Where it is kept how far the import of the source is, if it is kept."""
        if self.path is None:
            return None
        return ProgressFile(
            self.path.with_name(self.path.name + SUFFIX),
            {
                "collection": self.collection.name,
                "input": source.identity,
                "on_conflict": self.on_conflict,
                **self.reading.members(),
            },
        )

    def on(
        self,
        client: RecordClient,
        source: Source,
        *,
        progress: ProgressFile | None,
        tell: Tell,
        advance: Advance,
        stopping: threading.Event,
    ) -> RecordImport:
        """The import, which has not begun.

        Raises:
            TransferError: What is rejected would go into a file that the import itself needs.
        """
        rejects = self.rejects
        if rejects is not None and (
            source.is_at(rejects) or (progress and progress.is_at(rejects))
        ):
            raise TransferError(f"--rejects {rejects}: the import needs that file itself")
        read, start = self.reading.of(source)
        batching = Batching(
            self.collection,
            read,
            replaces=self.on_conflict == "replace",
            max_entries=self.batch_size,
        )
        write = BatchWriter(
            client, StoredRecords(client, self.collection), on_conflict=self.on_conflict
        )
        return RecordImport(
            source,
            start,
            batching.blocks if self.reading.is_plain else batching.lines,
            write,
            in_flight=self.in_flight,
            progress=progress,
            rejects=RejectLog(rejects, tell),
            max_rejects=self.max_rejects,
            advance=advance,
            stopping=stopping,
        )
