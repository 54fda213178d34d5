"""JSON in SQL, as each database has it.

An expression is *JSON* where it is the text of one JSON value, or NULL where there is none. Keys
are values of parameters, never part of a statement. Whatever is made of JSON here is NULL only
where the JSON is.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

Sql = sa.ColumnElement[Any]

FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z"
WHOLE_SECONDS = len("2026-01-31T12:00:00Z")
_KEY_LENGTH = len("2026-01-31T12:00:00.000000000")


def literal(text: str) -> Sql:
    """A text of the program's own, as it stands in the statement."""
    return sa.literal_column(f"'{text}'")


def literals(*texts: str) -> list[Sql]:
    """Several of them."""
    return [literal(text) for text in texts]


def number(value: int) -> Sql:
    """A number of the program's own, as it stands in the statement."""
    return sa.literal_column(str(value))


QUOTE = literal('"')
OPENS_LIST = literal("[")
CLOSES_LIST = literal("]")


class JsonSql(ABC):
    """What one database does with JSON."""

    @abstractmethod
    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        """The value at some keys, through objects alone; there is at least one key."""

    @abstractmethod
    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        """Rows with the elements of a list, or with the value itself if it is none; and the JSON.

        There are none where the value is missing.
        """

    @abstractmethod
    def raw(self, json: Sql) -> Sql:
        """The JSON as text: of null, true and false that is how they are written."""

    @abstractmethod
    def is_string(self, json: Sql) -> Sql:
        """Whether it is a string."""

    @abstractmethod
    def is_number(self, json: Sql) -> Sql:
        """Whether it is a number."""

    @abstractmethod
    def is_list(self, json: Sql) -> Sql:
        """Whether it is a list."""

    @abstractmethod
    def string(self, json: Sql) -> Sql:
        """What a string says, such that it is compared by code points."""

    @abstractmethod
    def number(self, json: Sql) -> Sql:
        """A number, as the double that is nearest to it."""

    @abstractmethod
    def starts_with(self, text: Sql, part: Sql) -> Sql:
        """Whether a text begins with another."""

    @abstractmethod
    def ends_with(self, text: Sql, part: Sql) -> Sql:
        """Whether a text ends with another, which is not empty."""

    @abstractmethod
    def contains(self, text: Sql, part: Sql) -> Sql:
        """Whether a text is somewhere in another."""

    @abstractmethod
    def first(self, json: Sql, characters: int) -> Sql:
        """The first characters of what a string says."""

    @abstractmethod
    def is_moment(self, text: Sql) -> Sql:
        """Whether a text is an instant, as ``blrcs.domain.filter.instant.moment_key`` has it."""

    def moment_key(self, text: Sql) -> Sql:
        """What ``moment_key`` gives of one."""
        is_whole = sa.func.length(text) == number(WHOLE_SECONDS)
        zeros = sa.case((is_whole, literal(".000000000")), else_=literal("000000000"))
        padded = sa.func.replace(text, literal("Z"), zeros)
        return sa.func.substr(padded, number(1), number(_KEY_LENGTH))

    def text(self, value: Sql) -> Sql:
        """A text that is compared with what ``string`` gives."""
        return value
