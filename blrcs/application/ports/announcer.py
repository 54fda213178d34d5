"""Telling other servers that something was stored."""

from collections.abc import Callable
from typing import Protocol

STORED = "stored"
"""The subject of what all servers go by: policies, limit rules, revocations."""

Hear = Callable[[frozenset[str] | None], None]
"""Is told which subjects others have announced; None where that may be any."""


class Announcer(Protocol):
    """Makes known that something was stored, and hears what others make known.

    It is a hint, and no more: what it is about stands in the database, into which everybody looks
    from time to time as well. Subjects of one moment are told together, each once, so that a writer
    is never kept waiting. Belongs to the event loop, on which ``run`` has to run.
    """

    def announce(self, subject: str) -> None:
        """There is something new of a subject: the others are told as soon as they can be."""
        ...

    async def run(self, hear: Hear) -> None:
        """Tells and listens until it is cancelled.

        ``hear`` is also called, with None, whenever listening has begun: something may have been
        missed.
        """
        ...
