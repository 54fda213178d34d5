"""What an index knows of the records that a filter lets pass."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, slots=True, eq=False)
class Narrowing:
    """A query for the ids of all records that a filter may let pass, and maybe of others.

    Attributes:
        shape: Equal for those that are the same query.
        ids: The query. It may use the parameters ``tenant`` and ``collection`` of the list's.
        params: What it is run with beside them, under names that no list has.
    """

    shape: Hashable
    ids: sa.Select[Any]
    params: Mapping[str, Any]
