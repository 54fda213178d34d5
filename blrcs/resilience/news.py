"""What is to be told to others as soon as they can be reached."""

import asyncio
from collections.abc import Iterable

MAX_SUBJECTS = 64
ANYTHING = "*"
"""Told instead of more subjects than are told at once."""


class News:
    """Subjects of which there is something new, each once. Belongs to the event loop."""

    def __init__(self) -> None:
        self._subjects: set[str] = set()
        self._is_any = asyncio.Event()

    def add(self, *subjects: str) -> None:
        """There is something new of them."""
        if ANYTHING in self._subjects:
            return
        self._subjects.update(subjects)
        if len(self._subjects) > MAX_SUBJECTS:
            self._subjects = {ANYTHING}
        self._is_any.set()

    async def take(self) -> list[str]:
        """Those that there are, once there are any; they are not told again."""
        await self._is_any.wait()
        self._is_any.clear()
        taken, self._subjects = sorted(self._subjects), set()
        return taken


def heard(subjects: Iterable[str]) -> frozenset[str] | None:
    """What somebody else's news are about; None where that may be anything."""
    found = frozenset(subjects)
    return None if ANYTHING in found else found
