"""Entries that are written by one call, and the call's request."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Protocol, cast

from blrcs.domain.filter.document import MAX_DEPTH
from blrcs.domain.record_name import CollectionKey
from blrcs.transfer.entry import Entry, Read, Reject
from blrcs.transfer.lines import Line, read_blocks, read_lines
from blrcs_native.protobuf_wire import write_bytes
from blrcs_native.record_lines import LineBlock, RecordWrites

MAX_ENTRIES = 1_000
"""Of BatchWriteRecordsRequest."""
MAX_BYTES = 2 << 20
"""Servers take messages of 4 MiB, and send the records back with their names and times."""
BYTES_PER_ENTRY = 256
"""More than a write has beside its data."""


@dataclass(slots=True)
class Batch:
    """A part of the input: what is to be written of it, and what is not.

    Attributes:
        writes: Of different records.
        read: Reads the line of a write again, where it is asked for.
        rejects: The lines that could not be read.
        end: Where the next part begins.
        number: Of the line before that.
    """

    writes: RecordWrites
    read: Read
    rejects: list[Reject] = field(default_factory=list)
    end: int = 0
    number: int = 0
    _added: dict[int, Entry] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not self.writes and not self.rejects

    @property
    def ids(self) -> set[str]:
        """Of the records."""
        return self.writes.ids

    def takes(self, found: Entry | Reject, max_entries: int) -> bool:
        """Whether there is room for one more, of so many at most."""
        if self.is_empty:
            return True
        if len(self.writes) + len(self.rejects) >= max_entries:
            return False
        if self.writes.size_bytes + _size(found) > MAX_BYTES:
            return False
        return isinstance(found, Reject) or found.record_id not in self.ids

    def add(self, found: Entry | Reject) -> None:
        """Takes one more."""
        if isinstance(found, Reject):
            self.rejects.append(found)
            self.writes.left_out += 1
            self.writes.size_bytes += _size(found)
        else:
            self._added[len(self.writes)] = found
            self.writes.add(found.record_id, found.data, found.expire_time)
        self.end = found.line.end
        self.number = found.line.last

    def fill(self, block: LineBlock, max_entries: int) -> bool:
        """Takes the lines that are read at once; see ``RecordWrites.read``."""
        is_full = self.writes.read(block, max_entries)
        if self.writes.number > self.number:
            self.end, self.number = self.writes.end, self.writes.number
        return is_full

    def entry(self, index: int) -> Entry:
        """What the write of this index makes."""
        line = self.writes.line(index)
        if line is None:
            return self._added[index]
        number, end, raw = line
        (found,) = self.read(iter([Line(number, number, end, raw, is_whole=True)]))
        return cast(Entry, found)


def _size(found: Entry | Reject) -> int:
    size_bytes = len(found.line.raw) if isinstance(found, Reject) else len(found.data)
    return size_bytes + BYTES_PER_ENTRY


class Batches(Protocol):
    """Reads a file on where it is, at a line's beginning, in batches."""

    def __call__(self, file: BinaryIO, *, number: int, offset: int) -> Iterator[Batch]:
        """See ``read_lines``."""


class Batching:
    """Puts what is read into batches, in its order.

    Args:
        collection: The parent of all.
        read: Reads lines as the input's format says.
        replaces: Whether a record that is there is replaced, and not refused.
        max_entries: How many a batch has.
    """

    def __init__(
        self,
        collection: CollectionKey,
        read: Read,
        *,
        replaces: bool = False,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        writes = partial(
            RecordWrites,
            write_bytes(1, collection.name.encode()),
            collection.record_prefix,
            replaces=replaces,
            max_levels=MAX_DEPTH,
            max_bytes=MAX_BYTES,
            overhead=BYTES_PER_ENTRY,
        )
        self._batch: Callable[[], Batch] = lambda: Batch(writes(), read)
        self._read = read
        self._max_entries = max_entries

    def lines(self, file: BinaryIO, *, number: int, offset: int) -> Iterator[Batch]:
        """Of lines in any format."""
        return self.found(self._read(read_lines(file, number=number, offset=offset)))

    def blocks(self, file: BinaryIO, *, number: int, offset: int) -> Iterator[Batch]:
        """Of JSON Lines with ids and data.

        Most are read natively, and give what ``lines`` gives; the others are read as there.
        """
        batch = self._batch()
        for block in read_blocks(file, number=number, offset=offset):
            if isinstance(block, Line):
                batch = yield from self._put(batch, self._read(iter([block])))
                continue
            while block.at < block.stop:
                if batch.fill(block, self._max_entries):
                    yield batch
                    batch = self._batch()
                elif block.at < block.stop:
                    line_number, end, raw = block.take()
                    line = Line(line_number, line_number, end, raw, is_whole=True)
                    batch = yield from self._put(batch, self._read(iter([line])))
        if not batch.is_empty:
            yield batch

    def found(self, found: Iterator[Entry | Reject]) -> Iterator[Batch]:
        """Of what was read already."""
        batch = yield from self._put(self._batch(), found)
        if not batch.is_empty:
            yield batch

    def _put(self, batch: Batch, found: Iterator[Entry | Reject]) -> Generator[Batch, None, Batch]:
        """Yields those that are full, and returns the last one."""
        for each in found:
            if not batch.takes(each, self._max_entries):
                yield batch
                batch = self._batch()
            batch.add(each)
        return batch
