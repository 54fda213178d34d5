"""Documents that are kept as the text that is stored of them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from blrcs.domain.field_path import Json


class TextDocument(Mapping[str, Json]):
    """A document that is read when somebody looks into it: most who write one do not.

    Attributes:
        text: The document as JSON.

    Args:
        text: Of an object that ``check_document`` lets pass.
        read: Makes the object of its text.
    """

    __slots__ = ("_members", "_read", "text")

    def __init__(self, text: str, read: Callable[[str], dict[str, Any]]) -> None:
        self.text = text
        self._read = read
        self._members: dict[str, Json] | None = None

    @property
    def members(self) -> dict[str, Json]:
        """What it holds; not to be changed."""
        if self._members is None:
            self._members = self._read(self.text)
        return self._members

    def __getitem__(self, name: str) -> Json:
        return self.members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)
