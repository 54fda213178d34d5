"""How an input is read, as its user says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import parse_path
from blrcs.transfer.entry import EntryMaker, Read, ids_of
from blrcs.transfer.errors import TransferError
from blrcs.transfer.json_lines import JsonLines
from blrcs.transfer.source import Source

if TYPE_CHECKING:
    from blrcs.transfer.csv_columns import Kind

FileFormat = Literal["jsonl", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """See the options of ``blrcs records import`` of the same names."""

    format: FileFormat
    documents: bool = False
    id_field: str | None = None
    types: "Mapping[str, Kind]" = field(default_factory=dict)
    infer: bool = False

    def __post_init__(self) -> None:
        if self.format == "csv" and self.documents:
            raise TransferError("--documents is about JSON Lines; a row of CSV is data always")
        if self.format == "jsonl" and (self.types or self.infer):
            raise TransferError("--types and --infer are about CSV; JSON has types")

    @property
    def is_plain(self) -> bool:
        """Whether lines are JSON with a record's id and its data."""
        return self.format == "jsonl" and not self.documents and self.id_field is None

    def of(self, source: Source) -> tuple[Read, tuple[int, int]]:
        """What reads the source's lines, and where the first one of a record begins.

        That is its place in bytes, and the number of the line before it.

        Raises:
            TransferError: There is no such column, or the columns cannot be.
        """
        make = EntryMaker(ids_of(source.seed))
        if self.format == "jsonl":
            return partial(self._json_lines().read, make=make), (0, 0)
        from blrcs.transfer.csv_rows import CsvRows, read_header  # noqa: PLC0415 - see the package

        columns, row = read_header(source.file)
        rows = CsvRows(
            columns,
            kinds=self.types,
            id_column=self.id_field,
            default="infer" if self.infer else "string",
        )
        return partial(rows.read, make=make), (row.end, row.last)

    def _json_lines(self) -> JsonLines:
        if self.id_field is None:
            return JsonLines(documents=self.documents)
        try:
            path = parse_path(self.id_field, field="--id-field")
        except InvalidArgumentError as error:
            raise TransferError(error.message) from None
        return JsonLines(documents=True, id_path=path)

    def members(self) -> dict[str, Any]:
        """What another run has to say too, to read the same."""
        return {
            "format": self.format,
            "documents": self.documents,
            "id_field": self.id_field,
            "types": dict(self.types),
            "infer": self.infer,
        }
