"""JSON in SQL, as each database has it.

An expression is *JSON* where it is the text of one JSON value, or NULL where there is none. Keys are
values of parameters, never part of a statement. Whatever is made of JSON here is NULL only where the
JSON is.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from blrcs.database.types import DOUBLE

Sql = sa.ColumnElement[Any]

_FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z"
_FORM_GLOB = re.sub(
    r"\[0-9\]\{(\d)\}", lambda found: "[0-9]" * int(found[1]), _FORM.partition("(")[0] + "*Z"
)
_WHOLE_SECONDS = len("2026-01-31T12:00:00Z")
_KEY_LENGTH = len("2026-01-31T12:00:00.000000000")


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
        is_whole = sa.func.length(text) == _number(_WHOLE_SECONDS)
        zeros = sa.case((is_whole, _literal(".000000000")), else_=_literal("000000000"))
        padded = sa.func.replace(text, _literal("Z"), zeros)
        return sa.func.substr(padded, _number(1), _number(_KEY_LENGTH))

    def text(self, value: Sql) -> Sql:
        """A text that is compared with what ``string`` gives."""
        return value


class SqliteJson(JsonSql):
    """JSON as text, which SQLite parses once for a row.

    Its own reading of numbers is not always the nearest double, so ``blrcs_number``, which every
    connection has, reads them.
    """

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        form = "".join(['$', *['."%s"' for _ in keys]])
        path = sa.func.printf(_literal(form), *keys)
        return json.op("->", return_type=sa.Text())(path)

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        listed = sa.case(
            (self.is_list(json), json),
            else_=_OPENS_LIST.concat(json).concat(_CLOSES_LIST),
        )
        rows = sa.func.json_each(listed).table_valued("json", "fullkey", name=alias)
        return rows, rows.c.json.op("->", return_type=sa.Text())(rows.c.fullkey)

    def raw(self, json: Sql) -> Sql:
        return json

    def is_string(self, json: Sql) -> Sql:
        return sa.func.substr(json, _number(1), _number(1)) == _QUOTE

    def is_number(self, json: Sql) -> Sql:
        return sa.func.json_type(json).in_(_literals("integer", "real"))

    def is_list(self, json: Sql) -> Sql:
        return sa.func.substr(json, _number(1), _number(1)) == _OPENS_LIST

    def string(self, json: Sql) -> Sql:
        return sa.func.json_extract(json, sa.literal_column("'$'"), type_=sa.Text())

    def number(self, json: Sql) -> Sql:
        return sa.func.blrcs_number(json, type_=DOUBLE)

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.substr(text, _number(1), sa.func.length(part)) == part

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.substr(text, -sa.func.length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        return sa.func.instr(text, part) > _number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        return sa.func.substr(self.string(json), _number(1), _number(characters))

    def is_moment(self, text: Sql) -> Sql:
        length = sa.func.length(text)
        digits = sa.func.substr(text, _number(21), length - _number(21))
        glob = {"is_comparison": True, "return_type": sa.Boolean()}
        has_fraction = sa.and_(
            length.between(_number(22), _number(30)),
            sa.func.substr(text, _number(20), _number(1)) == _literal("."),
            sa.not_(digits.op("GLOB", **glob)(_literal("*[^0-9]*"))),
        )
        return sa.and_(
            text.op("GLOB", **glob)(_literal(_FORM_GLOB)),
            sa.or_(length == _number(_WHOLE_SECONDS), has_fraction),
        )


class PostgresqlJson(JsonSql):
    """The type json, which keeps the text as it is, and is read without being built."""

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        for key in keys:
            json = json.op("->", return_type=sa.Text())(key)
        return json

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        listed = sa.case(
            (self.is_list(json), json),
            (json.is_not(None), sa.func.json_build_array(json)),
        )
        rows = sa.func.json_array_elements(listed).table_valued("v").render_derived(name=alias)
        return rows, rows.c.v

    def raw(self, json: Sql) -> Sql:
        return sa.cast(json, sa.Text())

    def is_string(self, json: Sql) -> Sql:
        return sa.func.json_typeof(json) == _literal("string")

    def is_number(self, json: Sql) -> Sql:
        return sa.func.json_typeof(json) == _literal("number")

    def is_list(self, json: Sql) -> Sql:
        return sa.func.json_typeof(json) == _literal("array")

    def string(self, json: Sql) -> Sql:
        return sa.collate(self._unquoted(json), "C")

    def number(self, json: Sql) -> Sql:
        return sa.cast(self._unquoted(json), DOUBLE)

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.starts_with(text, part)

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.right(text, sa.func.char_length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        return sa.func.strpos(text, part) > _number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        return sa.collate(sa.func.left(self._unquoted(json), _number(characters)), "C")

    def is_moment(self, text: Sql) -> Sql:
        return text.op("~", is_comparison=True)(_literal(f"^{_FORM}$"))

    def _unquoted(self, json: Sql) -> Sql:
        return json.op("#>>", return_type=sa.Text())(sa.literal_column("'{}'"))


class MysqlJson(JsonSql):
    """JSON as text, or in MySQL as what its functions give.

    Strings are compared as octets: no collation of one server is known to the other.
    """

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        parts = [_literal("$")]
        for key in keys:
            parts += [_literal('."'), key, _QUOTE]
        return sa.func.json_extract(json, sa.func.concat(*parts), type_=sa.Text())

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        listed = sa.case(
            (self.is_list(json), json),
            else_=sa.func.concat(_OPENS_LIST, json, _CLOSES_LIST),
        )
        columns = sa.literal_column("'$[*]' COLUMNS (v JSON PATH '$')")
        rows = sa.func.json_table(listed, columns).table_valued("v", name=alias)
        return rows, rows.c.v

    def raw(self, json: Sql) -> Sql:
        return sa.cast(json, sa.LargeBinary())

    def is_string(self, json: Sql) -> Sql:
        return sa.func.json_type(json) == _literal("STRING")

    def is_number(self, json: Sql) -> Sql:
        kinds = _literals("INTEGER", "DOUBLE", "UNSIGNED INTEGER", "DECIMAL")
        return sa.func.json_type(json).in_(kinds)

    def is_list(self, json: Sql) -> Sql:
        return sa.func.json_type(json) == _literal("ARRAY")

    def string(self, json: Sql) -> Sql:
        return self.text(sa.func.json_unquote(json))

    def number(self, json: Sql) -> Sql:
        return json.op("+", return_type=DOUBLE)(sa.literal_column("0e0"))

    def text(self, value: Sql) -> Sql:
        return sa.cast(value, sa.LargeBinary())

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.left(text, sa.func.length(part)) == part

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        return sa.func.right(text, sa.func.length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        return sa.func.locate(part, text) > _number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        return self.text(sa.func.left(sa.func.json_unquote(json), _number(characters)))

    def is_moment(self, text: Sql) -> Sql:
        # To a server a backslash is one in a literal where it stands twice.
        return text.op("REGEXP", is_comparison=True)(_literal(rf"^{_FORM}\\z"))


JSON_SQL: dict[str, JsonSql] = {
    "sqlite": SqliteJson(),
    "postgresql": PostgresqlJson(),
    "mysql": MysqlJson(),
}
"""By the names of dialects."""


def _literal(text: str) -> Sql:
    return sa.literal_column(f"'{text}'")


def _number(value: int) -> Sql:
    return sa.literal_column(str(value))


def _literals(*texts: str) -> list[Sql]:
    return [_literal(text) for text in texts]


_QUOTE = _literal('"')
_OPENS_LIST = _literal("[")
_CLOSES_LIST = _literal("]")
