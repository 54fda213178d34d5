"""Where records are stored."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """The columns of a table of records.

    Attributes:
        tenant: Whose it is, of type KEY.
        collection: Where it is, of type KEY.
        record_id: Its id there, of type KEY.
        document: Its data, of type DOCUMENT.
        create_time_ns: Of type NUMBER, as the other times.
        update_time_ns: When it was last changed.
        expire_time_ns: When it ends; null where it does not.
    """

    tenant: sa.Column[Any]
    collection: sa.Column[Any]
    record_id: sa.Column[Any]
    document: sa.Column[Any]
    create_time_ns: sa.Column[Any]
    update_time_ns: sa.Column[Any]
    expire_time_ns: sa.Column[Any]

    def written(self, name: str) -> str:
        """One of them as it stands in a text: names are plain words."""
        column: sa.Column[Any] = getattr(self, name)
        return f"{column.table.name}.{column.name}"

    @classmethod
    def of(cls, table: sa.Table) -> "Columns":
        """Those of a table where they have these names."""
        return cls(**{name: table.c[name] for name in cls.__dataclass_fields__})
