"""What is granted to principals, as far as their deletion is concerned."""

from collections.abc import Callable
from typing import Protocol

from blrcs.database.adapter import Transaction


class Grants(Protocol):
    """Sees to it that a later namesake inherits nothing, and that somebody administers."""

    async def keep_other_administrator(self, transaction: Transaction, user: str) -> None:
        """Raises FailedPreconditionError where a user is the last enabled one who administers."""
        ...

    async def drop(self, transaction: Transaction, principal: str) -> Callable[[], None]:
        """Takes a principal out of all bindings and groups, with the rest of the transaction.

        Returns what puts that in force; it is to be called on the event loop after the commit.
        """
        ...
