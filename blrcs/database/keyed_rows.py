"""The rows of many keys by one statement."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from blrcs.database.adapter import Reads, Transaction
from blrcs.database.statement import Construct, Row, Statement

SIZES = (1, 4, 16, 64, 256)
"""Lengths of lists where each one makes another statement; those in between are filled up."""


class KeyedRows:
    """A select whose rows have a key, for lists of keys of any length.

    PostgreSQL takes the list as one value, so that one statement is prepared, and is made to look
    for each key by itself: without statistics of a table it would go through it instead. Other
    databases get as many places as one of ``SIZES`` has, the rest filled with the last key again.

    Attributes:
        key_of: The key of a row.

    Args:
        select: What is selected; the key is one of its columns.
        key: The column.
    """

    max_keys = SIZES[-1]

    def __init__(self, select: sa.Select[Any], key: sa.Column[Any]) -> None:
        self.key_of: Callable[[Row], Any] = attrgetter(key.name)
        self._select = select
        self._key = key
        self._whole = Statement(self._among_a_list)
        self._places = [(size, Statement(self._among(size))) for size in SIZES]

    async def fetch(
        self, source: Reads | Transaction, dialect_name: str, keys: Sequence[Any], **others: Any
    ) -> list[Row]:
        """The rows of at least one key and at most ``max_keys``, in whatever order they come.

        Args:
            source: Where they are read.
            dialect_name: Of its database.
            keys: Which rows.
            others: The select's own parameters.
        """
        if dialect_name == "postgresql":
            return await source.fetch_all(self._whole, keys=list(dict.fromkeys(keys)), **others)
        size, statement = next(each for each in self._places if each[0] >= len(keys))
        filled = [*keys, *[keys[-1]] * (size - len(keys))]
        params = {f"key{index}": key for index, key in enumerate(filled)}
        return await source.fetch_all(statement, **params, **others)

    def _among_a_list(self, dialect_name: str) -> Construct:
        del dialect_name
        # A list has no collation of its own; the column's decides.
        of_type = sa.Text() if isinstance(self._key.type, sa.String) else self._key.type
        listed = sa.cast(sa.bindparam("keys", type_=sa.types.NullType()), ARRAY(of_type))
        wanted = sa.func.unnest(listed).table_valued("key", name="wanted").render_derived()
        # What is cut off at its beginning is not merged into what is around it.
        found = self._select.where(self._key == wanted.c.key).offset(sa.literal_column("0"))
        return sa.select(found.lateral()).select_from(wanted)

    def _among(self, size: int) -> Construct:
        places = [sa.bindparam(f"key{index}", type_=self._key.type) for index in range(size)]
        return self._select.where(self._key.in_(places))
