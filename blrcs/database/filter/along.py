"""An index that has the records of a list in their order already."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from blrcs.database.filter.sorting import SortKey
from blrcs.domain.order_by import Position

_TEXT = sa.Text()


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """An index to go along, from a position on, instead of sorting records.

    Attributes:
        shape: Equal for those that are the same query.
        is_descending: In which direction.
        value: What the index is sorted by; ids come second.
        record_id: Of the record that an entry of the index is of.
        conditions: What holds for those entries. They may use the parameters ``tenant`` and
            ``collection`` of the list's.
        place: Where a record at a position is in the index.
        params: What it is run with beside them, under names that no list has.
    """

    shape: Hashable
    is_descending: bool
    value: sa.Column[Any]
    record_id: sa.Column[Any]
    conditions: Sequence[sa.ColumnElement[bool]]
    place: Callable[[Position], Position]
    params: Mapping[str, Any]

    @property
    def keys(self) -> list[SortKey]:
        """What entries are sorted by."""
        return [
            SortKey(f"{column.table.name}.{column.name}", _TEXT, self.is_descending)
            for column in (self.value, self.record_id)
        ]
