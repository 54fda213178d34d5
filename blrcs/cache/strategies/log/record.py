"""Writes as they stand in a file.

A record is a mark, the size of its body, a CRC32C over the log's identity, that size and the body,
and the body: sequence, the first sequence of its group, time, whether it has a value, the key's
size, key and value. All numbers are little-endian. A group is what was written and synced at once.

The identity is in the checksum so that no value that a caller chooses can pass for a record.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c

from blrcs.domain.logged_write import LoggedWrite

MARK = b"\xb1WB\x1a"
MAX_KEY_BYTES = 0xFFFF
MAX_VALUE_BYTES = 64 << 20

_HEAD = struct.Struct("<4sII")
_SIZE = struct.Struct("<I")
_BODY = struct.Struct("<QQQBH")


@dataclass(frozen=True, slots=True)
class Record:
    """What a record says, and where in its file it ends."""

    write: LoggedWrite
    group: int
    end: int


class RecordFormat:
    """Reads and writes the records of one log.

    Args:
        identity: Random bytes that no other log has.
    """

    def __init__(self, identity: bytes) -> None:
        self._seed = google_crc32c.value(identity)

    def encode(self, write: LoggedWrite, group: int) -> bytes:
        """The record of a write whose group begins with a sequence."""
        key = write.key.encode()
        fields = _BODY.pack(write.sequence, group, write.time_ns, write.value is not None, len(key))
        body = b"".join((fields, key, write.value or b""))
        return _HEAD.pack(MARK, len(body), self._checksum(body)) + body

    def decode(self, data: bytes, place: int) -> Record | None:
        """The record at a place; None where there is no whole and undamaged one."""
        start = place + _HEAD.size
        if start > len(data):
            return None
        mark, size, checksum = _HEAD.unpack_from(data, place)
        end = start + size
        if mark != MARK or end > len(data) or size < _BODY.size:
            return None
        body = data[start:end]
        if self._checksum(body) != checksum:
            return None
        sequence, group, time_ns, has_value, key_size = _BODY.unpack_from(body)
        value_start = _BODY.size + key_size
        key = body[_BODY.size : value_start].decode()
        value = body[value_start:] if has_value else None
        return Record(LoggedWrite(sequence, key, value, time_ns), group, end)

    def decode_all(self, data: bytes, place: int) -> Iterator[Record]:
        """The records from a place on, up to the first that is none."""
        while (record := self.decode(data, place)) is not None:
            yield record
            place = record.end

    def find(self, data: bytes, place: int) -> Iterator[Record]:
        """All that are records anywhere after a place."""
        while (place := data.find(MARK, place + 1)) != -1:
            record = self.decode(data, place)
            if record is not None:
                yield record

    def _checksum(self, body: bytes) -> int:
        seed = google_crc32c.extend(self._seed, _SIZE.pack(len(body)))
        checksum: int = google_crc32c.extend(seed, body)
        return checksum
