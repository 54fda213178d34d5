"""JSON in SQL, as each database has it.

Statements are put together as text: Core's trees would take a hundred times as long, and filters
come from callers. Whatever stands in a text is the program's own; keys and values are parameters.

An expression is *JSON* where it is the text of one JSON value, or NULL where there is none.
Whatever is made of JSON here is NULL only where the JSON is. Every expression can stand beside any
operator.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z"
"""Of an instant in data, see ``blrcs.domain.filter.instant.moment_key``."""
WHOLE_SECONDS = len("2026-01-31T12:00:00Z")
_KEY_LENGTH = len("2026-01-31T12:00:00.000000000")


class JsonSql(ABC):
    """What one database does with JSON."""

    @abstractmethod
    def get(self, json: str, keys: Sequence[str]) -> str:
        """The value at some keys, through objects alone; there is at least one key."""

    @abstractmethod
    def elements(self, json: str, alias: str) -> tuple[str, str]:
        """Rows with the elements of a list, or with the value itself if it is none; and the JSON.

        There are none where the value is missing.
        """

    @abstractmethod
    def raw(self, json: str) -> str:
        """The JSON as text: of null, true and false that is how they are written."""

    @abstractmethod
    def is_string(self, json: str) -> str:
        """Whether it is a string."""

    @abstractmethod
    def is_number(self, json: str) -> str:
        """Whether it is a number."""

    @abstractmethod
    def is_list(self, json: str) -> str:
        """Whether it is a list."""

    @abstractmethod
    def string(self, json: str) -> str:
        """What a string says, such that it is compared by code points."""

    @abstractmethod
    def first(self, json: str, characters: int) -> str:
        """The first characters of what a string says, likewise."""

    @abstractmethod
    def number(self, json: str) -> str:
        """A number, as the double that is nearest to it."""

    @abstractmethod
    def starts_with(self, text: str, part: str) -> str:
        """Whether a text begins with another."""

    @abstractmethod
    def ends_with(self, text: str, part: str) -> str:
        """Whether a text ends with another, which is not empty."""

    @abstractmethod
    def contains(self, text: str, part: str) -> str:
        """Whether a text has another somewhere in it."""

    @abstractmethod
    def is_moment(self, text: str) -> str:
        """Whether a text is of ``FORM``."""

    def moment_key(self, text: str) -> str:
        """What ``moment_key`` gives of such a text."""
        zeros = f"CASE LENGTH({text}) WHEN {WHOLE_SECONDS} THEN '.000000000' ELSE '000000000' END"
        return f"SUBSTR(REPLACE({text}, 'Z', {zeros}), 1, {_KEY_LENGTH})"

    def compare_rows(self, values: Sequence[str], sign: str, asked: Sequence[str]) -> str:
        """Whether some values are before or behind others in the order of the first that differ."""
        if len(values) == 1:
            return f"({values[0]} {sign} {asked[0]})"
        return f"(({', '.join(values)}) {sign} ({', '.join(asked)}))"

    def joined(self, prefix: str, text: str) -> str:
        """One text after the other."""
        return f"({prefix} || {text})"

    def text(self, value: str) -> str:
        """A text such that it is compared with what ``string`` gives."""
        return value
