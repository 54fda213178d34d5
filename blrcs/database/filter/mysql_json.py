"""JSON in MySQL and MariaDB."""

from collections.abc import Sequence

from blrcs.database.filter.json_sql import FORM, JsonSql


class MysqlJson(JsonSql):
    """JSON as text, or in MySQL as what its functions give.

    Strings are compared as octets: no collation of one server is known to the other.
    """

    def get(self, json: str, keys: Sequence[str]) -> str:
        """See JsonSql."""
        steps = ", '\".\"', ".join(keys)
        return f"JSON_EXTRACT({json}, CONCAT('$.\"', {steps}, '\"'))"

    def elements(self, json: str, alias: str) -> tuple[str, str]:
        """See JsonSql."""
        listed = f"CASE WHEN {self.is_list(json)} THEN {json} ELSE CONCAT('[', {json}, ']') END"
        return f"JSON_TABLE({listed}, '$[*]' COLUMNS (v JSON PATH '$')) AS {alias}", f"{alias}.v"

    def raw(self, json: str) -> str:
        """See JsonSql."""
        return f"CAST({json} AS CHAR)"

    def is_string(self, json: str) -> str:
        """See JsonSql."""
        return f"(JSON_TYPE({json}) = 'STRING')"

    def is_number(self, json: str) -> str:
        """See JsonSql."""
        return f"(JSON_TYPE({json}) IN ('INTEGER', 'DOUBLE', 'UNSIGNED INTEGER', 'DECIMAL'))"

    def is_list(self, json: str) -> str:
        """See JsonSql."""
        return f"(JSON_TYPE({json}) = 'ARRAY')"

    def string(self, json: str) -> str:
        """See JsonSql."""
        return self.text(f"JSON_UNQUOTE({json})")

    def first(self, json: str, characters: int) -> str:
        """See JsonSql."""
        return self.text(f"LEFT(JSON_UNQUOTE({json}), {characters})")

    def number(self, json: str) -> str:
        """See JsonSql."""
        return f"({json} + 0e0)"

    def starts_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(LEFT({text}, LENGTH({part})) = {part})"

    def ends_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(RIGHT({text}, LENGTH({part})) = {part})"

    def contains(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(LOCATE({part}, {text}) > 0)"

    def is_moment(self, text: str) -> str:
        """See JsonSql."""
        # MySQL matches no octets, and characters by a collation that takes t for T. To a server a
        # backslash is one in a literal where it stands twice.
        return rf"(CONVERT({text} USING utf8mb4) REGEXP '(?-i)^{FORM}\\z')"

    def compare_rows(self, values: Sequence[str], sign: str, asked: Sequence[str]) -> str:
        """See JsonSql. No index is used for rows, but for what they mean."""
        strictly = sign[0]
        *pairs, last = zip(values, asked, strict=True)
        holds = f"{last[0]} {sign} {last[1]}"
        for value, other in reversed(pairs):
            holds = f"({value} {strictly} {other} OR ({value} = {other} AND {holds}))"
        return f"({values[0]} {strictly}= {asked[0]} AND {holds})" if pairs else f"({holds})"

    def joined(self, prefix: str, text: str) -> str:
        """See JsonSql."""
        return f"CONCAT({prefix}, {text})"

    def text(self, value: str) -> str:
        """See JsonSql."""
        return f"CAST({value} AS BINARY)"
