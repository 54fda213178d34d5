"""One Redis server, and the lines to it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from redis.exceptions import RedisError

from blrcs.redis.errors import unavailable
from blrcs.redis.joined import joined
from blrcs.redis.line import Line
from blrcs.redis.url import Place

# Where a server refuses, callers do not knock one after another.
PAUSE_S = 0.1

Dial = Callable[[Place, Callable[[Exception | None], None]], Awaitable[Line]]
"""Opens a line to a place that has to be a master; the callable is told of its end."""


class Watch(Protocol):
    """Told whether a server can be reached."""

    def away(self, place: Place, error: Exception) -> None:
        """It cannot."""
        ...

    def back(self, place: Place) -> None:
        """It can."""
        ...


class Node:
    """A server, to which up to ``size`` lines are opened as they are needed.

    Args:
        place: Where it is.
        size: How many lines.
        dial: Opens one.
        watch: Told of success and failure.
    """

    def __init__(self, place: Place, size: int, dial: Dial, watch: Watch) -> None:
        self._place = place
        self._dial = dial
        self._watch = watch
        self._lines: list[Line | None] = [None] * size
        self._opening: list[asyncio.Task[Line] | None] = [None] * size
        self._next = 0
        self._closed_until = 0.0

    async def line(self) -> Line:
        """A line, of all in turn.

        Raises:
            UnavailableError: None can be opened.
        """
        number = self._next
        self._next = (number + 1) % len(self._lines)
        line = self._lines[number]
        if line is not None and line.is_open:
            return line
        opening = self._opening[number]
        if opening is None:
            opening = asyncio.get_running_loop().create_task(self._open(number))
            self._opening[number] = opening
        return await joined(opening)

    async def close(self) -> None:
        """Ends all lines."""
        opening = [each for each in self._opening if each is not None]
        for each in opening:
            each.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for line in self._lines:
            if line is not None:
                line.close()

    def drop(self, error: Exception) -> None:
        """Ends all lines because of what is wrong with the server."""
        for line in self._lines:
            if line is not None:
                line.drop(error)

    async def _open(self, number: int) -> Line:
        loop = asyncio.get_running_loop()
        try:
            if loop.time() < self._closed_until:
                raise unavailable()
            try:
                line = await self._dial(self._place, self._ended)
            except (RedisError, OSError) as error:
                self._closed_until = loop.time() + PAUSE_S
                self._watch.away(self._place, error)
                raise unavailable() from error
        finally:
            self._opening[number] = None
        self._lines[number] = line
        self._watch.back(self._place)
        return line

    def _ended(self, error: Exception | None) -> None:
        if error is not None:
            self._watch.away(self._place, error)
