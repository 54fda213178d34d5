"""JSON in MySQL and MariaDB."""

from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.database.filter.json_sql import (
    CLOSES_LIST,
    FORM,
    OPENS_LIST,
    QUOTE,
    JsonSql,
    Sql,
    literal,
    literals,
    number,
)
from blrcs.database.types import DOUBLE


class MysqlJson(JsonSql):
    """JSON as text, or in MySQL as what its functions give.

    Strings are compared as octets: no collation of one server is known to the other.
    """

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        """See JsonSql."""
        parts = [literal("$")]
        for key in keys:
            parts += [literal('."'), key, QUOTE]
        return sa.func.json_extract(json, sa.func.concat(*parts), type_=sa.Text())

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        """See JsonSql."""
        listed = sa.case(
            (self.is_list(json), json),
            else_=sa.func.concat(OPENS_LIST, json, CLOSES_LIST),
        )
        columns: Sql = sa.literal_column("'$[*]' COLUMNS (v JSON PATH '$')")
        rows = sa.func.json_table(listed, columns).table_valued("v", name=alias)
        return rows, rows.c.v

    def raw(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.cast(json, sa.LargeBinary())

    def is_string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_type(json) == literal("STRING")

    def is_number(self, json: Sql) -> Sql:
        """See JsonSql."""
        kinds = literals("INTEGER", "DOUBLE", "UNSIGNED INTEGER", "DECIMAL")
        return sa.func.json_type(json).in_(kinds)

    def is_list(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_type(json) == literal("ARRAY")

    def string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return self.text(sa.func.json_unquote(json))

    def number(self, json: Sql) -> Sql:
        """See JsonSql."""
        return json.op("+", return_type=DOUBLE)(sa.literal_column("0e0"))

    def text(self, value: Sql) -> Sql:
        """See JsonSql."""
        return sa.cast(value, sa.LargeBinary())

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.left(text, sa.func.length(part)) == part

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.right(text, sa.func.length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.locate(part, text) > number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        """See JsonSql."""
        return self.text(sa.func.left(sa.func.json_unquote(json), number(characters)))

    def is_moment(self, text: Sql) -> Sql:
        """See JsonSql."""
        # To a server a backslash is one in a literal where it stands twice.
        return text.op("REGEXP", is_comparison=True)(literal(rf"^{FORM}\\z"))
