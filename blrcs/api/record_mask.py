"""Which fields of a record are to be returned (AIP-157)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from google.protobuf.struct_pb2 import Struct

from blrcs.domain.errors import InvalidArgumentError
from blrcs.domain.field_path import Path, parse_path, paths_named
from blrcs.v1 import record_pb2

FIELDS = frozenset({"name", "data", "etag", "create_time", "update_time", "expire_time"})
DATA = "data"
NAME = "name"
MAX_SHOWN = 64


@dataclass(frozen=True, slots=True)
class ReadMask:
    """Whole fields, and parts of the data. The name comes always."""

    fields: frozenset[str]
    paths: tuple[Path, ...]

    @classmethod
    def parse(cls, mask: Iterable[str]) -> Self | None:
        """What a mask names; None for everything.

        Raises:
            InvalidArgumentError: It names what a record has not, or too much.
        """
        named = paths_named(mask, field="read_mask")
        if not named or "*" in named:
            return None
        paths = []
        for text in sorted(named - FIELDS):
            root, *path = parse_path(text, field="read_mask")
            if root != DATA or not path:
                raise InvalidArgumentError(
                    "read_mask", f"{text[:MAX_SHOWN]!r} is not a field of a record"
                )
            paths.append(tuple(path))
        return cls(named & FIELDS, () if DATA in named else tuple(paths))

    @property
    def is_name(self) -> bool:
        """Whether it names nothing beside what comes always."""
        return not self.paths and self.fields <= {NAME}

    def apply(self, record: record_pb2.Record) -> record_pb2.Record:
        """What the mask leaves of a record."""
        masked = record_pb2.Record(name=record.name)
        for field in self.fields - {DATA}:
            if field.endswith("_time"):
                if record.HasField(field):
                    getattr(masked, field).CopyFrom(getattr(record, field))
            else:
                setattr(masked, field, getattr(record, field))
        if DATA in self.fields:
            masked.data.CopyFrom(record.data)
        for path in self.paths:
            _copy(record.data, masked.data, path)
        return masked


def _copy(source: Struct, target: Struct, path: Path) -> None:
    """Copies what lies at a path, where something does."""
    *way, last = path
    steps = []
    for segment in way:
        if segment not in source.fields:
            return
        steps.append(segment)
        source = source.fields[segment].struct_value
    if last not in source.fields:
        return
    for segment in steps:
        target = target.fields[segment].struct_value
    target.fields[last].CopyFrom(source.fields[last])
