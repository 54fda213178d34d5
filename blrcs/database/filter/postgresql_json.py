"""JSON in PostgreSQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.database.filter.json_sql import FORM, JsonSql, Sql, literal, number
from blrcs.database.types import DOUBLE


class PostgresqlJson(JsonSql):
    """The type json, which keeps the text as it is, and is read without being built."""

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        """See JsonSql."""
        for key in keys:
            json = json.op("->", return_type=sa.Text())(key)
        return json

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        """See JsonSql."""
        listed = sa.case(
            (self.is_list(json), json),
            (json.is_not(None), sa.func.json_build_array(json)),
        )
        rows = sa.func.json_array_elements(listed).table_valued("v").render_derived(name=alias)
        return rows, rows.c.v

    def raw(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.cast(json, sa.Text())

    def is_string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_typeof(json) == literal("string")

    def is_number(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_typeof(json) == literal("number")

    def is_list(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_typeof(json) == literal("array")

    def string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.collate(self._unquoted(json), "C")

    def number(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.cast(self._unquoted(json), DOUBLE)

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.starts_with(text, part)

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.right(text, sa.func.char_length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.strpos(text, part) > number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        """See JsonSql."""
        return sa.collate(sa.func.left(self._unquoted(json), number(characters)), "C")

    def is_moment(self, text: Sql) -> Sql:
        """See JsonSql."""
        return text.op("~", is_comparison=True)(literal(f"^{FORM}$"))

    def _unquoted(self, json: Sql) -> Sql:
        return json.op("#>>", return_type=sa.Text())(sa.literal_column("'{}'"))
