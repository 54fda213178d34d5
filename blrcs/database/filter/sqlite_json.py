"""JSON in SQLite."""

import re
from collections.abc import Sequence

from blrcs.database.filter.json_sql import FORM, WHOLE_SECONDS, JsonSql

_GLOB = re.sub(r"\[0-9\]\{(\d)\}", lambda found: "[0-9]" * int(found[1]), FORM.partition("(")[0])


class SqliteJson(JsonSql):
    """JSON as text, which SQLite parses once for a row.

    Its own reading of numbers is not always the nearest double, so ``blrcs_number``, which every
    connection has, reads them.
    """

    def get(self, json: str, keys: Sequence[str]) -> str:
        """See JsonSql."""
        form = "$" + '."%s"' * len(keys)
        return f"({json} -> printf('{form}', {', '.join(keys)}))"

    def elements(self, json: str, alias: str) -> tuple[str, str]:
        """See JsonSql."""
        listed = f"CASE WHEN {self.is_list(json)} THEN {json} ELSE '[' || {json} || ']' END"
        return f"json_each({listed}) AS {alias}", f"({alias}.json -> {alias}.fullkey)"

    def raw(self, json: str) -> str:
        """See JsonSql."""
        return json

    def is_string(self, json: str) -> str:
        """See JsonSql."""
        return f"(substr({json}, 1, 1) = '\"')"

    def is_number(self, json: str) -> str:
        """See JsonSql."""
        return f"(json_type({json}) IN ('integer', 'real'))"

    def is_list(self, json: str) -> str:
        """See JsonSql."""
        return f"(substr({json}, 1, 1) = '[')"

    def string(self, json: str) -> str:
        """See JsonSql."""
        return f"json_extract({json}, '$')"

    def first(self, json: str, characters: int) -> str:
        """See JsonSql."""
        return f"substr({self.string(json)}, 1, {characters})"

    def number(self, json: str) -> str:
        """See JsonSql."""
        return f"blrcs_number({json})"

    def starts_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(substr({text}, 1, length({part})) = {part})"

    def ends_with(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(substr({text}, -length({part})) = {part})"

    def contains(self, text: str, part: str) -> str:
        """See JsonSql."""
        return f"(instr({text}, {part}) > 0)"

    def is_moment(self, text: str) -> str:
        """See JsonSql."""
        digits = f"substr({text}, 21, length({text}) - 21)"
        has_fraction = (
            f"length({text}) BETWEEN 22 AND 30 AND substr({text}, 20, 1) = '.'"
            f" AND {digits} NOT GLOB '*[^0-9]*'"
        )
        return f"({text} GLOB '{_GLOB}*Z' AND (length({text}) = {WHOLE_SECONDS} OR {has_fraction}))"
