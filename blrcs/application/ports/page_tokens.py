"""Page tokens, as use cases see them."""

from typing import Protocol


class PageTokens(Protocol):
    """Turns the place where a page ended into a token that only the same query can go on with."""

    def issue(self, query: str, cursor: str) -> str:
        """A token for the page after ``cursor``; ``query`` names all that selects rows."""
        ...

    def redeem(self, query: str, token: str) -> str:
        """The cursor that ``token`` was issued for; empty for an empty token.

        Raises:
            InvalidArgumentError: The token was altered, or was issued for another query.
        """
        ...
