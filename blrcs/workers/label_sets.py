"""Which label values have which cells in a worker's part of the metrics."""

from collections.abc import Iterator, Sequence

import orjson

WORD_BYTES = 8
SCHEMA_BYTES = 64
HEAD_BYTES = SCHEMA_BYTES + WORD_BYTES


class LabelSets:
    """Label sets in a buffer, in the order in which a worker came to use them; only ever added to.

    A record is its length and JSON. How long all are together is written last, so that a worker
    killed at any instant leaves whole records, and others read while it writes. The schema says
    what the cells beside the buffer mean: where it is another, nothing there can be used.

    Args:
        buffer: The buffer; zero at first.
        schema: At most 64 bytes of ASCII.
    """

    def __init__(self, buffer: memoryview, schema: str) -> None:
        self._buffer = buffer
        self._schema = schema.encode("ascii").ljust(SCHEMA_BYTES, b"\0")
        self._found: dict[str, list[Sequence[str]]] | None = None

    @property
    def size_bytes(self) -> int:
        """How much of the buffer is in use: grows with every label set."""
        return self._end()

    @property
    def fits(self) -> bool:
        """Whether what is there is of this schema."""
        return bytes(self._buffer[:SCHEMA_BYTES]) == self._schema

    def clear(self) -> None:
        """Begins anew, with this schema."""
        self._set_end(HEAD_BYTES)
        self._buffer[:SCHEMA_BYTES] = self._schema

    def of(self, name: str) -> Sequence[Sequence[str]]:
        """The label values of a family, in the order of its cells, as at the first look."""
        if self._found is None:
            self._found = {}
            for family, values in self._records():
                self._found.setdefault(family, []).append(values)
        return self._found.get(name, ())

    def add(self, name: str, values: tuple[str, ...]) -> None:
        """Adds those of the family's next cell.

        Raises:
            MemoryError: The buffer is full.
        """
        record = orjson.dumps([name, values])
        start = self._end()
        end = start + WORD_BYTES + len(record)
        if end > len(self._buffer):
            raise MemoryError("there is no room for further label sets")
        self._buffer[start:end] = len(record).to_bytes(WORD_BYTES, "little") + record
        self._set_end(end)

    def _records(self) -> Iterator[tuple[str, Sequence[str]]]:
        place, end = HEAD_BYTES, self._end()
        while place < end:
            start = place + WORD_BYTES
            place = start + int.from_bytes(self._buffer[place:start], "little")
            family, values = orjson.loads(self._buffer[start:place])
            yield family, values

    def _end(self) -> int:
        return int.from_bytes(self._buffer[SCHEMA_BYTES:HEAD_BYTES], "little")

    def _set_end(self, end: int) -> None:
        self._buffer[SCHEMA_BYTES:HEAD_BYTES] = end.to_bytes(WORD_BYTES, "little")


class KnownLabelSets(LabelSets):
    """Those of another worker, who alone adds to them."""

    def add(self, name: str, values: tuple[str, ...]) -> None:
        """Does nothing: that worker will, or has meanwhile."""
