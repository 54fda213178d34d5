"""Records as lines of JSON and rows of CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from blrcs.api.documents import document_of
from blrcs.domain.field_path import MISSING, Path, value_at
from blrcs.transfer.csv_columns import RESERVED, cell_of, column_name, column_path, paths_of
from blrcs.transfer.entry import BadLineError
from blrcs.transfer.errors import TransferError
from blrcs.transfer.json_lines import EXPIRE_TIME, ID, json_line
from blrcs.v1 import record_pb2

MAX_COLUMNS = 10_000


class JsonLinesFormat:
    """A line for each record, as an import reads it."""

    def header(self) -> bytes:
        """Nothing."""
        return b""

    def line(self, record: record_pb2.Record) -> bytes:
        """The record's line."""
        document = document_of(record.data, field="data")
        return json_line(record_id(record), document, expire_time(record))

    def members(self) -> dict[str, Any]:
        """Nothing."""
        return {}


class CsvFormat:
    """A row for each record.

    Args:
        columns: Their names.
        is_whole: Whether there is meant to be a column for every value.
        safe: See ``cell_of``.

    Attributes:
        incomplete: How many records have values without a column, where none should.
    """

    def __init__(self, columns: Sequence[str], *, is_whole: bool, safe: bool) -> None:
        self._columns = list(columns)
        self._paths = [None if name in RESERVED else column_path(name) for name in columns]
        self._is_whole = is_whole
        self._safe = safe
        self.incomplete = 0

    def header(self) -> bytes:
        """The columns' names."""
        return _row(self._columns)

    def line(self, record: record_pb2.Record) -> bytes:
        """The record's row."""
        document = document_of(record.data, field="data")
        if self._is_whole:
            found = paths_of(document)
            values = {path: found.pop(path) for path in self._paths if path in found}
            self.incomplete += bool(found)
        else:
            values = {path: value_at(document, path) for path in self._paths if path is not None}
        own = {ID: record_id(record), EXPIRE_TIME: expire_time(record) or ""}
        cells = [
            own[name] if path is None else cell_of(values.get(path, MISSING), safe=self._safe)
            for name, path in zip(self._columns, self._paths, strict=True)
        ]
        return _row(cells)

    def members(self) -> dict[str, Any]:
        """The columns, which are not looked for again."""
        return {"columns": self._columns, "incomplete": self.incomplete}


def columns_of(records: Iterable[record_pb2.Record]) -> list[str]:
    """The names of the columns in which the records have all their values.

    Raises:
        TransferError: There are too many.
    """
    paths: set[Path] = set()
    expires = False
    for record in records:
        paths |= paths_of(document_of(record.data, field="data")).keys()
        expires = expires or record.HasField("expire_time")
        if len(paths) > MAX_COLUMNS:
            raise TransferError(f"there are more than {MAX_COLUMNS} columns; --fields names some")
    for path in paths:
        _require_name(path)
    return [ID, *([EXPIRE_TIME] if expires else []), *sorted(map(column_name, paths))]


def _require_name(path: Path) -> None:
    try:
        is_read_back = column_path(column_name(path)) == path
    except BadLineError:
        is_read_back = False
    if not is_read_back:
        raise TransferError(f"the field {path[0]!r} cannot be a column; JSON Lines can have it")


def record_id(record: record_pb2.Record) -> str:
    """The last segment of a record's name."""
    return str(record.name.rpartition("/")[2])


def expire_time(record: record_pb2.Record) -> str | None:
    """As RFC 3339 writes it."""
    return record.expire_time.ToJsonString() if record.HasField("expire_time") else None


def _row(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
