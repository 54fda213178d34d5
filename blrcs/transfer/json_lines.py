"""JSON Lines: a record a line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from blrcs.domain.field_path import MISSING, Path, value_at
from blrcs.transfer.entry import BadLineError, Entry, EntryMaker, Reject
from blrcs.transfer.exact_json import read_exactly
from blrcs.transfer.lines import MAX_LINE_BYTES, Line

ID = "id"
DATA = "data"
EXPIRE_TIME = "expire_time"
MEMBERS = frozenset({ID, DATA, EXPIRE_TIME})
TOO_LONG = f"has more than {MAX_LINE_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class JsonLines:
    """How lines are read.

    Attributes:
        documents: Whether each line is the record's data, and nothing else; if not, it has an id,
            data and perhaps an expire_time, as an export has them.
        id_path: Where in a document its id is, if it has one. It stays there.
    """

    documents: bool = False
    id_path: Path | None = None

    def read(self, lines: Iterable[Line], make: EntryMaker) -> Iterator[Entry | Reject]:
        """What each line is; blank lines are nothing."""
        for line in lines:
            if line.is_whole and not line.raw.strip():
                continue
            try:
                yield self._entry(line, make)
            except BadLineError as error:
                yield Reject(line, str(error))

    def _entry(self, line: Line, make: EntryMaker) -> Entry:
        if not line.is_whole:
            raise BadLineError(TOO_LONG)
        try:
            value = read_exactly(line.raw)
        except orjson.JSONDecodeError as error:
            raise BadLineError(
                f"is not JSON in UTF-8: {error.msg}, character {error.pos + 1}"
            ) from None
        if not isinstance(value, dict):
            raise BadLineError("is not a JSON object")
        if self.documents:
            return make(line, self._id(value), value, None)
        if not MEMBERS.issuperset(value):
            strange = value.keys() - MEMBERS
            raise BadLineError(
                f"has {min(strange)!r} beside id, data and expire_time;"
                " --documents takes lines that are data"
            )
        if DATA not in value:
            raise BadLineError("has no data")
        return make(line, value.get(ID), value[DATA], value.get(EXPIRE_TIME))

    def _id(self, document: dict[str, Any]) -> Any:
        if self.id_path is None:
            return None
        found = value_at(document, self.id_path)
        if found is MISSING or found is None:
            raise BadLineError("has no id where --id-field says")
        return found


def json_line(record_id: str, document: Any, expire_time: str | None) -> bytes:
    """A record's line; equal records have equal lines."""
    value = {ID: record_id}
    if expire_time is not None:
        value[EXPIRE_TIME] = expire_time
    # The data last, so that people see at once what a line is about.
    return orjson.dumps(
        {**value, DATA: orjson.Fragment(json_text(document))}, option=orjson.OPT_APPEND_NEWLINE
    )


def json_text(value: Any) -> bytes:
    """JSON that is the same for equal values: a Struct keeps no order of its members."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
