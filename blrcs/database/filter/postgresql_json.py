"""JSON in PostgreSQL."""

from collections.abc import Sequence

from blrcs.database.filter.json_sql import FORM, JsonSql


class PostgresqlJson(JsonSql):
    """The type json, which keeps the text as it is, and is read without being built."""

    def get(self, json: str, keys: Sequence[str]) -> str:
        """See JsonSql."""
        return f"({' -> '.join([json, *keys])})"

    def elements(self, json: str, alias: str) -> tuple[str, str]:
        """See JsonSql."""
        listed = (
            f"CASE {self.is_list(json)} WHEN true THEN {json}"
            f" WHEN false THEN json_build_array({json}) END"
        )
        return f"json_array_elements({listed}) AS {alias}(v)", f"{alias}.v"

    def raw(self, json: str) -> str:
        """See JsonSql."""
        return f"CAST({json} AS TEXT)"

    def is_string(self, json: str) -> str:
        """See JsonSql."""
        return f"(json_typeof({json}) = 'string')"

    def is_number(self, json: str) -> str:
        """See JsonSql."""
        return f"(json_typeof({json}) = 'number')"

    def is_list(self, json: str) -> str:
        """See JsonSql."""
        return f"(json_typeof({json}) = 'array')"

    def string(self, json: str) -> str:
        """See JsonSql."""
        return f"(({json} #>> '{{}}') COLLATE \"C\")"

    def first(self, json: str, characters: int) -> str:
        """See JsonSql."""
        return f"left({self.string(json)}, {characters})"

    def number(self, json: str) -> str:
        """See JsonSql."""
        return f"CAST({json} #>> '{{}}' AS DOUBLE PRECISION)"

    def starts_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"starts_with({text}, {part})"

    def ends_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(right({text}, length({part})) = {part})"

    def contains(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(strpos({text}, {part}) > 0)"

    def is_moment(self, text: str) -> str:
        """See JsonSql."""
        return f"({text} ~ '^{FORM}$')"
