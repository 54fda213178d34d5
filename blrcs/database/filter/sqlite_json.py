"""JSON in SQLite."""

import re
from collections.abc import Sequence

import sqlalchemy as sa

from blrcs.database.filter.json_sql import (
    CLOSES_LIST,
    FORM,
    OPENS_LIST,
    QUOTE,
    WHOLE_SECONDS,
    JsonSql,
    Sql,
    literal,
    literals,
    number,
)
from blrcs.database.types import DOUBLE

_FORM_GLOB = re.sub(
    r"\[0-9\]\{(\d)\}", lambda found: "[0-9]" * int(found[1]), FORM.partition("(")[0] + "*Z"
)


class SqliteJson(JsonSql):
    """JSON as text, which SQLite parses once for a row.

    Its own reading of numbers is not always the nearest double, so ``blrcs_number``, which every
    connection has, reads them.
    """

    def get(self, json: Sql, keys: Sequence[Sql]) -> Sql:
        """See JsonSql."""
        form = "".join(["$", *['."%s"' for _ in keys]])
        path = sa.func.printf(literal(form), *keys)
        return json.op("->", return_type=sa.Text())(path)

    def elements(self, json: Sql, alias: str) -> tuple[sa.FromClause, Sql]:
        """See JsonSql."""
        listed = sa.case(
            (self.is_list(json), json),
            else_=OPENS_LIST.concat(json).concat(CLOSES_LIST),
        )
        rows = sa.func.json_each(listed).table_valued("json", "fullkey", name=alias)
        return rows, rows.c.json.op("->", return_type=sa.Text())(rows.c.fullkey)

    def raw(self, json: Sql) -> Sql:
        """See JsonSql."""
        return json

    def is_string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.substr(json, number(1), number(1)) == QUOTE

    def is_number(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_type(json).in_(literals("integer", "real"))

    def is_list(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.substr(json, number(1), number(1)) == OPENS_LIST

    def string(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.json_extract(json, sa.literal_column("'$'"), type_=sa.Text())

    def number(self, json: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.blrcs_number(json, type_=DOUBLE)

    def starts_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.substr(text, number(1), sa.func.length(part)) == part

    def ends_with(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.substr(text, -sa.func.length(part)) == part

    def contains(self, text: Sql, part: Sql) -> Sql:
        """See JsonSql."""
        return sa.func.instr(text, part) > number(0)

    def first(self, json: Sql, characters: int) -> Sql:
        """See JsonSql."""
        return sa.func.substr(self.string(json), number(1), number(characters))

    def is_moment(self, text: Sql) -> Sql:
        """See JsonSql."""
        length = sa.func.length(text)
        digits = sa.func.substr(text, number(21), length - number(21))
        has_fraction = sa.and_(
            length.between(number(22), number(30)),
            sa.func.substr(text, number(20), number(1)) == literal("."),
            sa.not_(_like(digits, "*[^0-9]*")),
        )
        return sa.and_(
            _like(text, _FORM_GLOB),
            sa.or_(length == number(WHOLE_SECONDS), has_fraction),
        )


def _like(text: Sql, glob: str) -> Sql:
    return text.op("GLOB", is_comparison=True)(literal(glob))
