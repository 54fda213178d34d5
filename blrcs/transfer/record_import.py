"""Importing records: batches in flight, and where the import is."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from typing import Any

from blrcs.transfer.batch import Batch, Batches
from blrcs.transfer.batch_writer import BatchWriter, Outcome
from blrcs.transfer.call_error import CallError
from blrcs.transfer.errors import RefusedError, TransferError
from blrcs.transfer.progress_file import ProgressFile
from blrcs.transfer.reject_log import RejectLog
from blrcs.transfer.source import Source

AHEAD_BATCHES = 8
"""So many more are said to be sent before they are, so that not each of them waits for the disk."""


class TooManyRejectsError(TransferError):
    """More lines are rejected than may be."""


@dataclass(slots=True)
class ImportTally:
    """What became of the lines so far, over all runs.

    Attributes:
        written: Records.
        skipped: Records that were there already, and may be.
        rejected: Lines.
        offset: How much of the input is settled, in bytes.
        number: The last line that is.
        sent: Up to which byte lines may have been sent to the server; it may be beyond the end.
        rejects_bytes: Of the file of rejects.
    """

    written: int = 0
    skipped: int = 0
    rejected: int = 0
    offset: int = 0
    number: int = 0
    sent: int = 0
    rejects_bytes: int = 0


Advance = Callable[[ImportTally], None]


class RecordImport:
    """Imports a file once.

    Lines are settled in their order, and how far they may be sent is on disk before they are. So a
    run that goes on after another knows which lines may have been written without that having been
    heard of: those from what was settled then up to there. Of them a record counts as written if it
    is there as it should be. What is settled is noted at once, without waiting for the disk: a run
    that follows a killed one sends again what was in flight, and one after a failure of the machine
    no more than what it had said that it would send.

    Args:
        source: What is imported.
        start: Where the first row begins, and the number of the line before it.
        batches: Reads the source.
        write: Writes batches.
        in_flight: How many calls at a time.
        progress: Where the progress is kept, if it is.
        rejects: Told of lines that are not imported.
        max_rejects: How many there may be; any number, if None.
        advance: Told whenever lines are settled.
        stopping: Set where the import ends early, for calls that are waiting.
    """

    def __init__(
        self,
        source: Source,
        start: tuple[int, int],
        batches: Batches,
        write: BatchWriter,
        *,
        in_flight: int,
        progress: ProgressFile | None,
        rejects: RejectLog,
        max_rejects: int | None,
        advance: Advance,
        stopping: threading.Event,
    ) -> None:
        self._source = source
        self._batches = batches
        self._write = write
        self._in_flight = in_flight
        self._progress = progress
        self._rejects = rejects
        self._max_rejects = max_rejects
        self._advance = advance
        self._stopping = stopping
        self._start, number = start
        self.tally = ImportTally(offset=self._start, number=number, sent=self._start)
        self._waiting: deque[tuple[Batch, Future[Outcome]]] = deque()

    def resume(self) -> None:
        """Goes on where another run was; TransferError where there is none."""
        if self._progress is None:
            raise TransferError("what comes by standard input cannot be resumed")
        tally = _tally_of(self._progress.load())
        if tally is None:
            raise TransferError(f"{self._progress.path} is not what an import has written")
        # What was noted since, as long as no more was sent.
        noted = _tally_of(self._progress.noted() or {})
        if noted is not None and noted.sent == tally.sent and noted.offset > tally.offset:
            tally = noted
        self.tally = tally

    def run(self) -> None:
        """Imports what is left.

        Raises:
            TooManyRejectsError: There are more than may be.
            TransferError: It cannot go on. As after KeyboardInterrupt, it can be resumed.
        """
        tally = self.tally
        doubtful_until = tally.sent
        self._rejects.begin(tally.rejects_bytes)
        if self._source.path is not None:
            self._source.file.seek(tally.offset)
        batches = self._batches(self._source.file, number=tally.number, offset=tally.offset)
        pool = ThreadPoolExecutor(self._in_flight)
        begin = tally.offset
        try:
            for batch in batches:
                while self._must_wait_for(batch):
                    self._settle_first()
                if batch.end > tally.sent:
                    tally.sent = batch.end + AHEAD_BATCHES * (batch.end - begin)
                    self._save()
                doubtful = begin < doubtful_until
                self._waiting.append((batch, pool.submit(self._write, batch, is_doubtful=doubtful)))
                begin = batch.end
            while self._waiting:
                self._settle_first()
        except TransferError as error:
            self._stopping.set()
            if isinstance(error, RefusedError) and self._is_untouched(doubtful_until):
                self._forget()
            else:
                # It is known here that what follows was not sent.
                tally.sent = max(doubtful_until, begin)
                self._save()
            raise
        finally:
            # After an interrupt what is on disk holds, and not what may be half counted here.
            self._stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            self._rejects.close()
        self._forget()

    def _must_wait_for(self, batch: Batch) -> bool:
        if len(self._waiting) >= self._in_flight:
            return True
        # Of two lines about one record, the first shall be the first on the server too.
        return any(not batch.ids.isdisjoint(each.ids) for each, _ in self._waiting)

    def _settle_first(self) -> None:
        batch, future = self._waiting[0]
        try:
            outcome = future.result()
        except CallError as error:
            raise TransferError(str(error)) from None
        self._waiting.popleft()
        tally = self.tally
        self._rejects.add(outcome.rejects)
        tally.rejects_bytes = self._rejects.size_bytes
        tally.written += outcome.written
        tally.skipped += outcome.skipped
        tally.rejected += len(outcome.rejects)
        tally.offset, tally.number = batch.end, batch.number
        if self._progress is not None:
            # For the next run, should this one be killed before it says what it sends further.
            self._progress.note(asdict(tally))
        self._advance(tally)
        if self._max_rejects is not None and tally.rejected > self._max_rejects:
            raise TooManyRejectsError(f"more than {self._max_rejects} lines are rejected")

    def _is_untouched(self, sent_before: int) -> bool:
        """Whether it is known that no line was written or told of, now or by another run."""
        if max(sent_before, self.tally.offset) > self._start:
            return False
        return all(isinstance(each.exception(), RefusedError) for _, each in self._waiting)

    def _forget(self) -> None:
        if self._progress is not None:
            self._progress.remove()

    def _save(self) -> None:
        if self._progress is not None:
            members: dict[str, Any] = asdict(self.tally)
            self._progress.save(members)


def _tally_of(members: dict[str, Any]) -> ImportTally | None:
    """What the members of a progress file say; None where they are not an import's."""
    if members.keys() != {each.name for each in fields(ImportTally)}:
        return None
    return ImportTally(**members)
