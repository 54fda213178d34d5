"""What families and label values have which cells in a worker's part of the metrics."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from blrcs.monitoring.family_definition import FamilyDefinition, definition_of
from blrcs_native.monitoring.metrics import AnyFamily

WORD_BYTES = 8
SCHEMA_BYTES = 64
HEAD_BYTES = SCHEMA_BYTES + WORD_BYTES


class LabelSets:
    """Families and label sets in a buffer, in the order in which a worker came to use them.

    A record is its length and JSON: an object for a family, whose cells follow those of the family
    before; a list of its name and label values for a label set. How long all are together is
    written last, so that a worker killed at any instant leaves whole records, and others read while
    it writes. Records are only ever added, but for a worker that begins with other families than
    the one before it had: what is no longer so is taken out. The schema says how to read the
    buffer: where it is another, nothing there can be used.

    Args:
        buffer: The buffer; zero at first.
        schema: At most 64 bytes of ASCII.
    """

    def __init__(self, buffer: memoryview, schema: str) -> None:
        self._buffer = buffer
        self._schema = schema.encode("ascii").ljust(SCHEMA_BYTES, b"\0")
        self._families: list[FamilyDefinition] | None = None
        self._found: dict[str, list[Sequence[str]]] = {}
        self._defined = 0

    @property
    def size_bytes(self) -> int:
        """How much of the buffer is in use: grows with every family and label set."""
        return self._end()

    @property
    def fits(self) -> bool:
        """Whether what is there is of this schema."""
        return bytes(self._buffer[:SCHEMA_BYTES]) == self._schema

    def clear(self) -> None:
        """Begins anew, with this schema."""
        self._set_end(HEAD_BYTES)
        self._buffer[:SCHEMA_BYTES] = self._schema

    def families(self) -> Sequence[FamilyDefinition]:
        """Those that were there at the first look, in the order of their cells."""
        if self._families is None:
            self._families = []
            for record in self._records():
                if isinstance(record, dict):
                    self._families.append(record)
                else:
                    family, values = record
                    self._found.setdefault(family, []).append(values)
        return self._families

    def of(self, name: str) -> Sequence[Sequence[str]]:
        """The label values of a family, in the order of its cells, as at the first look."""
        self.families()
        return self._found.get(name, ())

    def define(self, family: AnyFamily) -> bool:
        """Takes down the next family; whether the worker before had one alike in its place.

        Raises:
            MemoryError: The buffer is full.
        """
        definition = definition_of(family)
        before = self.families()
        if self._defined < len(before):
            if before[self._defined] == definition:
                self._defined += 1
                return True
            self._keep(before[: self._defined])
        self._append(definition)
        self._defined += 1
        return False

    def add(self, name: str, values: tuple[str, ...]) -> None:
        """Adds those of the family's next cell.

        Raises:
            MemoryError: The buffer is full.
        """
        self._append([name, values])

    def _keep(self, families: Sequence[FamilyDefinition]) -> None:
        """Takes out all other families, and the label sets that are not theirs."""
        names = {family["name"] for family in families}
        records = [each for each in self._records() if _family_of(each) in names]
        self._families = list(families)
        self._found = {name: sets for name, sets in self._found.items() if name in names}
        self.clear()
        for record in records:
            self._append(record)

    def _append(self, record: Any) -> None:
        text = orjson.dumps(record)
        start = self._end()
        end = start + WORD_BYTES + len(text)
        if end > len(self._buffer):
            raise MemoryError("there is no room for further families or label sets")
        self._buffer[start:end] = len(text).to_bytes(WORD_BYTES, "little") + text
        self._set_end(end)

    def _records(self) -> Iterator[Any]:
        place, end = HEAD_BYTES, self._end()
        while place < end:
            start = place + WORD_BYTES
            place = start + int.from_bytes(self._buffer[place:start], "little")
            yield orjson.loads(self._buffer[start:place])

    def _end(self) -> int:
        return int.from_bytes(self._buffer[SCHEMA_BYTES:HEAD_BYTES], "little")

    def _set_end(self, end: int) -> None:
        self._buffer[SCHEMA_BYTES:HEAD_BYTES] = end.to_bytes(WORD_BYTES, "little")


def _family_of(record: Any) -> str:
    name: str = record["name"] if isinstance(record, dict) else record[0]
    return name


class KnownLabelSets(LabelSets):
    """Those of another worker, who alone adds to them."""

    def define(self, family: AnyFamily) -> bool:
        """Changes nothing: the family is made of what that worker took down."""
        del family
        return True

    def add(self, name: str, values: tuple[str, ...]) -> None:
        """Does nothing: that worker will, or has meanwhile."""
