"""Writing a batch so that what is wrong with one of its records keeps no other out."""

from dataclasses import dataclass, field
from typing import Literal

import grpc

from blrcs.transfer.batch import Batch
from blrcs.transfer.call_error import CallError
from blrcs.transfer.entry import Entry, Reject
from blrcs.transfer.errors import RefusedError, TransferError
from blrcs.transfer.record_client import RecordClient
from blrcs.transfer.stored_records import MAX_NAMES, StoredRecords

OnConflict = Literal["fail", "skip", "replace"]

Code = grpc.StatusCode
ABOUT_A_WRITE = frozenset(
    {Code.INVALID_ARGUMENT, Code.ALREADY_EXISTS, Code.FAILED_PRECONDITION, Code.OUT_OF_RANGE}
)
"""What is said against a single write is said about its record, and not about the import."""
TOO_MUCH = frozenset({Code.RESOURCE_EXHAUSTED, Code.INVALID_ARGUMENT})
"""Said without naming a write, it may be the request as a whole that is wrong."""
EXISTS = "a record of this id is there already"


@dataclass(slots=True)
class Outcome:
    """What became of a batch: how many records were written and left out, and what was rejected."""

    written: int = 0
    skipped: int = 0
    rejects: list[Reject] = field(default_factory=list)


class BatchWriter:
    """Writes batches; a refused one is written in parts, without what is refused of it.

    It may be used by several threads, for batches without a record in common.
    """

    def __init__(
        self,
        client: RecordClient,
        stored: StoredRecords,
        *,
        on_conflict: OnConflict,
    ) -> None:
        self._client = client
        self._stored = stored
        self._on_conflict = on_conflict

    def __call__(self, batch: Batch, *, is_doubtful: bool) -> Outcome:
        """Writes each entry once, or says why not.

        Args:
            batch: What to write.
            is_doubtful: Whether that may have been done before: a record that is there already
                counts as written if it is what it should be.

        Raises:
            RefusedError: All is refused, and not for a single record.
            TransferError: So is the rest.
        """
        # To replace a record once more by the same one does no harm.
        is_doubtful = is_doubtful and self._on_conflict != "replace"
        writing = _Writing(batch, is_doubtful=is_doubtful)
        outcome = Outcome(rejects=list(batch.rejects))
        while writing.part():
            if writing.looks_up:
                self._look_up(writing, outcome)
            else:
                self._write(writing, outcome)
        outcome.rejects.sort(key=lambda each: each.line.number)
        return outcome

    def _write(self, writing: "_Writing", outcome: Outcome) -> None:
        part = writing.part()
        try:
            self._client.batch_write(writing.batch.writes.request(part.start, part.stop))
        except CallError as error:
            position = error.position
            if position is None and len(part) == 1 and error.code in ABOUT_A_WRITE:
                position = 0
            if position is None:
                if error.code not in TOO_MUCH or len(part) == 1:
                    is_untouched = writing.is_untouched and not error.is_doubtful
                    raise (RefusedError if is_untouched else TransferError)(str(error)) from None
                writing.halve()
            elif position:
                # Those before it are in order.
                writing.shorten(position, is_doubtful=error.is_doubtful)
            else:
                writing.doubt(is_doubtful=error.is_doubtful)
                self._settle(writing, error, outcome)
            return
        outcome.written += len(part)
        writing.advance(len(part))

    def _settle(self, writing: "_Writing", error: CallError, outcome: Outcome) -> None:
        """Decides about the first of a part, which the server refuses."""
        entry = writing.batch.entry(writing.part().start)
        if error.code is not Code.ALREADY_EXISTS:
            outcome.rejects.append(Reject(entry.line, error.message))
        elif not writing.is_doubtful:
            self._conflict(entry, outcome)
        else:
            found = self._stored.all_of([entry], names_only=False)
            if not found:
                return  # it has been deleted meanwhile, and is written the next time
            if self._stored.is_same(entry, found[0]):
                outcome.written += 1
            else:
                self._conflict(entry, outcome)
        writing.refused(is_conflict=error.code is Code.ALREADY_EXISTS)

    def _look_up(self, writing: "_Writing", outcome: Outcome) -> None:
        """Where all of the next are there already, as after a stop, one call decides about them."""
        part = [writing.batch.entry(each) for each in writing.part()[:MAX_NAMES]]
        found = self._stored.all_of(part, names_only=not writing.is_doubtful)
        if not found:
            writing.looked_up(len(part))
            return
        for entry, record in zip(part, found, strict=True):
            if writing.is_doubtful and self._stored.is_same(entry, record):
                outcome.written += 1
            else:
                self._conflict(entry, outcome)
        writing.advance(len(part))

    def _conflict(self, entry: Entry, outcome: Outcome) -> None:
        if self._on_conflict == "skip":
            outcome.skipped += 1
        else:
            outcome.rejects.append(Reject(entry.line, EXISTS))


class _Writing:
    """How far a batch is written, and how much of it is tried next.

    After a refusal less is tried at once, and after a success more: few that are refused cost few
    calls, and where most are, most of the rest is not sent in vain each time.

    Attributes:
        batch: What is written.
        is_untouched: Whether it is known that nothing of the batch has been written.
    """

    def __init__(self, batch: Batch, *, is_doubtful: bool) -> None:
        self.batch = batch
        self._count = len(batch.writes)
        self._at = 0
        self._size = self._count
        self._doubtful_until = self._count if is_doubtful else 0
        self.is_untouched = not is_doubtful
        self._looks_up = is_doubtful
        self._look_at = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the next may have been written before."""
        return self._at < self._doubtful_until

    @property
    def looks_up(self) -> bool:
        """Whether to see first if the next are there already."""
        return self._looks_up and self._at >= self._look_at

    def part(self) -> range:
        """Which are tried next; none at the end."""
        return range(self._at, min(self._at + self._size, self._count))

    def advance(self, count: int) -> None:
        """So many are settled."""
        self.is_untouched = False
        self._at += count
        self._size = 2 * max(self._size, 1)

    def refused(self, *, is_conflict: bool) -> None:
        """The next one is settled, by a refusal."""
        self._at += 1
        self._looks_up = is_conflict
        self.halve()

    def looked_up(self, count: int) -> None:
        """Of so many some are not there."""
        self._look_at = self._at + count

    def halve(self) -> None:
        """Less is tried at once."""
        self._size = max(1, len(self.part()) // 2)

    def shorten(self, count: int, *, is_doubtful: bool) -> None:
        """So many are tried, before the one that is refused."""
        self.doubt(is_doubtful=is_doubtful)
        self._size = count

    def doubt(self, *, is_doubtful: bool) -> None:
        """What was just tried may have been done by an earlier try of the same call."""
        if is_doubtful:
            self.is_untouched = False
            self._doubtful_until = max(self._doubtful_until, self._at + len(self.part()))
