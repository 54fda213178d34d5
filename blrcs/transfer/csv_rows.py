"""CSV (RFC 4180): a record a row, with a row of names first."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from blrcs.domain.field_path import Path
from blrcs.transfer.csv_columns import Kind, column_path, put, value_of
from blrcs.transfer.entry import BadLineError, Entry, EntryMaker, Reject
from blrcs.transfer.errors import TransferError
from blrcs.transfer.json_lines import EXPIRE_TIME, ID, TOO_LONG
from blrcs.transfer.lines import MAX_LINE_BYTES, Line, read_lines

OF_RECORD = (ID, EXPIRE_TIME)


@dataclass(frozen=True, slots=True)
class CsvRows:
    """How rows are read.

    Attributes:
        columns: The names in the first row.
        kinds: Of values, by the columns' names; those of the others are ``default``.
        id_column: The column that is the id; it is one of the data's too, unless it is called so.
        default: See ``kinds``.
    """

    columns: tuple[str, ...]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    id_column: str | None = None
    default: Kind = "string"

    def __post_init__(self) -> None:
        for name in {*self.kinds, *filter(None, [self.id_column])}:
            if name not in self.columns:
                raise TransferError(f"there is no column {name!r}")
        seen: set[Path] = set()
        for position, name in enumerate(self.columns, 1):
            try:
                path = (name,) if name in OF_RECORD else column_path(name)
            except BadLineError as error:
                raise TransferError(f"column {position}: {error}") from None
            key = ("", *path) if name in OF_RECORD else path
            if key in seen:
                raise TransferError(f"column {position}: there are two of {name!r}")
            seen.add(key)

    def read(self, lines: Iterable[Line], make: EntryMaker) -> Iterator[Entry | Reject]:
        """What each row is; empty lines are nothing."""
        cells = [
            (name, column_path(name), self.kinds.get(name, self.default))
            for name in self.columns
            if name not in OF_RECORD
        ]
        for row, values in read_rows(lines):
            try:
                yield self._entry(row, self._given(values), cells, make)
            except BadLineError as error:
                yield Reject(row, str(error))

    def _given(self, values: list[str] | str) -> dict[str, str]:
        """The cells that are not empty."""
        if isinstance(values, str):
            raise BadLineError(values)
        if len(values) != len(self.columns):
            raise BadLineError(f"has {len(values)} cells, not {len(self.columns)}")
        return {name: text for name, text in zip(self.columns, values, strict=True) if text}

    def _entry(
        self,
        row: Line,
        given: Mapping[str, str],
        cells: Iterable[tuple[str, Path, Kind]],
        make: EntryMaker,
    ) -> Entry:
        document: dict[str, Any] = {}
        for name, path, kind in cells:
            if name in given:
                try:
                    value = value_of(given[name], kind)
                except BadLineError as error:
                    raise BadLineError(f"{name}: {error}") from None
                document = put(document, path, value)
        record_id = given.get(self.id_column or ID)
        if record_id is None and self.id_column is not None:
            raise BadLineError(f"has nothing in the column {self.id_column!r}, its id")
        return make(row, record_id, document, given.get(EXPIRE_TIME))


def read_header(file: BinaryIO) -> tuple[tuple[str, ...], Line]:
    """The first row of a file, and where it ends; TransferError where there is none."""
    for row, values in read_rows(read_lines(file)):
        if isinstance(values, str):
            raise TransferError(f"the row of the columns' names {values}")
        return tuple(values), row
    raise TransferError("there is no row with the columns' names")


def read_rows(lines: Iterable[Line]) -> Iterator[tuple[Line, list[str] | str]]:
    """Each row as the one line that it would be, and its cells or what is wrong with it.

    A row has several lines where a cell has line breaks; its number is that of the first one.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    source = _Source(iter(lines))
    reader = csv.reader(source, strict=True)
    while True:
        source.begin_row()
        values: list[str] | str
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            values = f"is not CSV: {error}"
        except BadLineError as error:
            values = str(error)
        if isinstance(values, str):
            reader = csv.reader(source, strict=True)
        elif not source.is_utf8:
            values = "is not UTF-8"
        if values:
            yield source.row(), source.told(values)


class _Source:
    """The lines as the reader takes them, one at a time, and those that its row has taken."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self.begin_row()

    def begin_row(self) -> None:
        self._taken: list[Line] = []
        self._bytes = 0
        self.is_utf8 = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        self._bytes += len(line.raw)
        if not line.is_whole or self._bytes > MAX_LINE_BYTES:
            raise BadLineError(TOO_LONG)
        try:
            return line.raw.decode()
        except UnicodeDecodeError:
            # The reader shall see where the row ends all the same.
            self.is_utf8 = False
            return line.raw.decode(errors="surrogateescape")

    def row(self) -> Line:
        first, last = self._taken[0], self._taken[-1]
        raw = b"".join(each.raw for each in self._taken)
        return Line(
            first.number,
            last.number,
            last.end,
            raw[:MAX_LINE_BYTES],
            last.is_whole and len(raw) <= MAX_LINE_BYTES,
        )

    def told(self, values: list[str] | str) -> list[str] | str:
        """What is wrong tells of all lines that it is about."""
        last = self._taken[-1].number
        if isinstance(values, str) and last != self._taken[0].number:
            return f"(up to line {last}) {values}"
        return values
