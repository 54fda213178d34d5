"""Entries that are written by one call, and the call's request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from blrcs.domain.record_name import CollectionKey
from blrcs.transfer.entry import Entry, Reject
from blrcs_native.protobuf_wire import write_bytes, write_message, write_number

MAX_ENTRIES = 1_000
"""Of BatchWriteRecordsRequest."""
MAX_BYTES = 2 << 20
"""Servers take messages of 4 MiB, and send the records back with their names and times."""
BYTES_PER_ENTRY = 256
"""More than a write has beside its data."""


@dataclass(slots=True)
class Batch:
    """A part of the input: what is to be written of it, and what is not.

    Its entries concern different records. ``rejects`` are the lines that could not be read, and
    ``end`` and ``number`` say where the next part begins.
    """

    entries: list[Entry] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    size_bytes: int = 0
    end: int = 0
    number: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not self.entries and not self.rejects

    def takes(self, found: Entry | Reject, max_entries: int) -> bool:
        """Whether there is room for one more, of so many at most."""
        if self.is_empty:
            return True
        if len(self.entries) + len(self.rejects) >= max_entries:
            return False
        if self.size_bytes + _size(found) > MAX_BYTES:
            return False
        return isinstance(found, Reject) or found.record_id not in self.ids

    def add(self, found: Entry | Reject) -> None:
        """Takes one more."""
        if isinstance(found, Reject):
            self.rejects.append(found)
        else:
            self.entries.append(found)
            self.ids.add(found.record_id)
        self.size_bytes += _size(found)
        self.end = found.line.end
        self.number = found.line.last


def _size(found: Entry | Reject) -> int:
    size_bytes = len(found.line.raw) if isinstance(found, Reject) else len(found.data)
    return size_bytes + BYTES_PER_ENTRY


def batches(found: Iterator[Entry | Reject], max_entries: int = MAX_ENTRIES) -> Iterator[Batch]:
    """Puts what was read into batches, in its order."""
    batch = Batch()
    for each in found:
        if not batch.takes(each, max_entries):
            yield batch
            batch = Batch()
        batch.add(each)
    if not batch.is_empty:
        yield batch


class WriteEncoder:
    """Makes encoded BatchWriteRecordsRequests; numbers of fields are those of record.proto.

    Args:
        collection: The parent of all.
        replaces: Whether a record that is there is replaced, and not refused.
    """

    def __init__(self, collection: CollectionKey, *, replaces: bool) -> None:
        self._prefix = collection.record_prefix
        self._parent = write_bytes(1, collection.name.encode())
        self._write = self._update if replaces else self._create

    def __call__(self, entries: Sequence[Entry]) -> bytes:
        """The request that writes the entries, in their order."""
        return self._parent + b"".join([write_message(2, self._write(each)) for each in entries])

    def _create(self, entry: Entry) -> bytes:
        record_id = write_bytes(2, entry.record_id.encode())
        record = write_message(3, _record(entry))
        return write_message(1, self._parent + record_id + record)

    def _update(self, entry: Entry) -> bytes:
        name = write_bytes(1, f"{self._prefix}{entry.record_id}".encode())
        record = write_message(1, name + _record(entry))
        return write_message(2, record + write_number(3, 1))


def _record(entry: Entry) -> bytes:
    data = write_message(2, entry.data)
    return data + write_message(6, entry.expire_time) if entry.expire_time else data
