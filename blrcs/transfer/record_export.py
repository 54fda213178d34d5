"""Exporting records: page by page, into a file that is there when it is whole."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from blrcs.files import named, sync_directory
from blrcs.transfer.errors import TransferError
from blrcs.transfer.progress_file import MODE, ProgressFile
from blrcs.transfer.record_client import RecordClient
from blrcs.v1 import record_pb2

PAGE_SIZE = 1_000
SAVE_INTERVAL_S = 1.0


class Format(Protocol):
    """How records are written."""

    def header(self) -> bytes:
        """What comes before the first one."""

    def line(self, record: record_pb2.Record) -> bytes:
        """A record."""

    def members(self) -> dict[str, Any]:
        """What a later run needs to know to write as this one does."""


@dataclass(slots=True)
class ExportTally:
    """How far an export is: records, bytes of them, and the token of the next page."""

    records: int = 0
    size_bytes: int = 0
    page_token: str = ""


Advance = Callable[[ExportTally], None]


def pages(
    client: RecordClient, request: record_pb2.ListRecordsRequest
) -> Iterator[record_pb2.ListRecordsResponse]:
    """The pages of a list; the next is asked for while one is looked at."""
    asked = record_pb2.ListRecordsRequest()
    asked.CopyFrom(request)
    asked.page_size = PAGE_SIZE
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(client.list, asked)
        while True:
            page = future.result()
            if not page.next_page_token:
                yield page
                return
            following = record_pb2.ListRecordsRequest()
            following.CopyFrom(asked)
            following.page_token = page.next_page_token
            future = pool.submit(client.list, following)
            yield page


class OutputFile:
    """A file that has its name once it is whole; until then it is called ``NAME.part``.

    Attributes:
        part: What is written to until then.
    """

    def __init__(self, path: Path, progress: ProgressFile) -> None:
        self._path = path
        self.part = path.with_name(f"{path.name}.part")
        self._progress = progress
        self._file: BinaryIO | None = None

    def begin(self, size_bytes: int) -> BinaryIO:
        """Opens it, and drops what is behind so many bytes."""
        try:
            self._file = self.part.open("r+b") if size_bytes else self._made()
        except OSError as error:
            raise TransferError(f"{self.part}: {error.strerror}") from None
        if self._file.seek(0, os.SEEK_END) < size_bytes:
            raise TransferError(f"{self.part} is shorter than the export has made it")
        self._file.truncate(size_bytes)
        self._file.seek(size_bytes)
        return self._file

    def save(self, members: dict[str, Any]) -> None:
        """What was written so far, and what is told of it, is durable."""
        self._sync()
        self._progress.save(members)

    def finish(self) -> None:
        """It is whole."""
        self._sync()
        self.part.replace(self._path)
        sync_directory(self._path.parent)
        self._progress.remove()

    def close(self) -> None:
        """Ends it."""
        if self._file is not None:
            self._file.close()

    def _made(self) -> BinaryIO:
        self.part.unlink(missing_ok=True)
        return os.fdopen(os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL, MODE), "r+b")

    def _sync(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())


class RecordExport:
    """Writes the records of a list.

    The pages are not of one moment: what is written to the collection meanwhile may be in it or
    not, but no record that stays as it is is left out or written twice.

    Args:
        client: Calls the server.
        request: Which records, in which order.
        format_: How they are written.
        file: Where to; None for ``stream``.
        stream: Where to, if to no file.
        advance: Told after each page.
        clock_s: Monotonic.
    """

    def __init__(
        self,
        client: RecordClient,
        request: record_pb2.ListRecordsRequest,
        format_: Format,
        *,
        file: OutputFile | None,
        stream: BinaryIO,
        advance: Advance,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._request = request
        self._format = format_
        self._file = file
        self._stream = stream
        self._advance = advance
        self._clock_s = clock_s

    def run(self, tally: ExportTally) -> None:
        """Writes what is left after ``tally``, which counts on.

        Raises:
            CallError, TransferError: The server does not give it, or the file is not what it was.
            OSError: It cannot be written; names where to.
        """
        with named("standard output" if self._file is None else self._file.part):
            try:
                self._write(tally)
            finally:
                if self._file is not None:
                    self._file.close()

    def _write(self, tally: ExportTally) -> None:
        self._request.page_token = tally.page_token
        found = pages(self._client, self._request)
        # Before there is a file: what the server refuses at once leaves nothing to be resumed.
        first = next(found)
        target = self._stream if self._file is None else self._file.begin(tally.size_bytes)
        if not tally.size_bytes:
            tally.size_bytes += target.write(self._format.header())
        saved_s = self._clock_s()
        self._save(tally)
        try:
            for page in chain((first,), found):
                text = b"".join(map(self._format.line, page.records))
                target.write(text)
                tally.records += len(page.records)
                tally.size_bytes += len(text)
                tally.page_token = page.next_page_token
                self._advance(tally)
                if page.next_page_token and self._clock_s() - saved_s > SAVE_INTERVAL_S:
                    self._save(tally)
                    saved_s = self._clock_s()
        finally:
            if self._file is None:
                target.flush()
        if self._file is not None:
            self._file.finish()

    def _save(self, tally: ExportTally) -> None:
        if self._file is not None:
            self._file.save({**asdict(tally), **self._format.members()})
