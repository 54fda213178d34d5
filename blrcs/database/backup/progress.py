"""Who is told how far a backup has come."""

from typing import Protocol


class Progress(Protocol):
    """Is told of each table, and now and then of the rows."""

    def begin(self, what: str, table: str, total: int | None) -> None:
        """Something is done with a table of so many rows, if that is known."""

    def advance(self, rows: int) -> None:
        """So many more are done."""


class Silent:
    """A Progress that tells nobody."""

    def begin(self, what: str, table: str, total: int | None) -> None:
        """Forgets it."""

    def advance(self, rows: int) -> None:
        """Forgets it."""
