"""The rows of many keys by one statement."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from blrcs.database.adapter import Reads, Transaction
from blrcs.database.statement import Construct, Row, Statement

SIZES = (1, 4, 16, 64, 256)
"""Lengths of lists where each one makes another statement; those in between are filled up."""


class KeyedRows:
    """A select whose rows have a key, for lists of keys of any length.

    PostgreSQL takes a list as one value, so that one statement is prepared, and is made to look for
    each key by itself: without statistics of a table it would go through it instead. A single key
    has a statement of its own, which is carried out sooner. Other databases get as many places as
    one of ``SIZES`` has, the rest filled with the last key again.

    Attributes:
        key_of: The key of a row.

    Args:
        select: What is selected; the key is among its columns.
        key: The column, whose values are the keys; or several, and keys are tuples.
    """

    max_keys = SIZES[-1]

    def __init__(self, select: sa.Select[Any], *key: sa.Column[Any]) -> None:
        self.key_of: Callable[[Row], Any] = attrgetter(*[column.name for column in key])
        self._select = select
        self._key = key
        self._whole = Statement(self._among_lists)
        # Built where one is asked for: the longest of them have a thousand nodes.
        self._places = [(size, Statement(partial(self._among, size))) for size in SIZES]

    async def fetch(
        self, source: Reads | Transaction, dialect_name: str, keys: Sequence[Any], **others: Any
    ) -> list[Row]:
        """The rows of at most ``max_keys`` keys, in whatever order they come.

        Args:
            source: Where they are read.
            dialect_name: Of its database.
            keys: Which rows.
            others: The select's own parameters.
        """
        if not keys:
            return []
        if dialect_name == "postgresql" and len(keys) > 1:
            listed = [list(column) for column in self._columns(list(dict.fromkeys(keys)))]
            lists = {f"keys{at}": column for at, column in enumerate(listed)}
            return await source.fetch_all(self._whole, **lists, **others)
        size, statement = next(each for each in self._places if each[0] >= len(keys))
        filled = [*keys, *[keys[-1]] * (size - len(keys))]
        params = {
            _place(at, index): value
            for at, column in enumerate(self._columns(filled))
            for index, value in enumerate(column)
        }
        return await source.fetch_all(statement, **params, **others)

    def _columns(self, keys: list[Any]) -> Iterable[Sequence[Any]]:
        return [keys] if len(self._key) == 1 else zip(*keys, strict=True)

    def _among_lists(self, dialect_name: str) -> Construct:
        del dialect_name
        lists = [_list_of(at, column) for at, column in enumerate(self._key)]
        names = [f"key{at}" for at in range(len(lists))]
        wanted = sa.func.unnest(*lists).table_valued(*names, name="wanted").render_derived()
        same = [column == wanted.c[name] for column, name in zip(self._key, names, strict=True)]
        # What is cut off at its beginning is not merged into what is around it.
        found = self._select.where(*same).offset(sa.literal_column("0"))
        return sa.select(found.lateral()).select_from(wanted)

    def _among(self, size: int, dialect_name: str) -> Construct:
        del dialect_name
        places = [
            [sa.bindparam(_place(at, index), type_=column.type) for index in range(size)]
            for at, column in enumerate(self._key)
        ]
        if len(self._key) == 1:
            return self._select.where(self._key[0].in_(places[0]))
        # Not every database looks up rows of values among others by an index.
        each = [
            sa.and_(*[column == place for column, place in zip(self._key, key, strict=True)])
            for key in zip(*places, strict=True)
        ]
        return self._select.where(sa.or_(*each))


def _place(at: int, index: int) -> str:
    return f"key{at}_{index}"


def _list_of(at: int, column: sa.Column[Any]) -> sa.Cast[Any]:
    # A list has no collation of its own; the column's decides.
    of_type = sa.Text() if isinstance(column.type, sa.String) else column.type
    return sa.cast(sa.bindparam(f"keys{at}", type_=sa.types.NullType()), sa.ARRAY(of_type))
