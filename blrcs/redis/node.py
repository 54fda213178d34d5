"""One Redis server, and the lines to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from redis.exceptions import RedisError, ResponseError

from blrcs.domain.errors import ResourceExhaustedError, UnavailableError
from blrcs.redis.errors import unavailable
from blrcs.redis.joined import joined, settle
from blrcs.redis.line import Line, said
from blrcs.redis.url import Place
from blrcs.resilience.circuit_breaker import CircuitBreaker

# Where a server refuses, callers do not knock one after another.
PAUSE_S = 0.1
# Who has waited so long for an answer has met a server that does not give any.
SLOW_S = 0.1

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
        breaker: Refuses what is asked while the server does not answer; None where nothing does.
    """

    def __init__(
        self,
        place: Place,
        size: int,
        dial: Dial,
        watch: Watch,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        self._breaker = breaker
        self._place = place
        self._dial = dial
        self._watch = watch
        self._lines: list[Line | None] = [None] * size
        self._opening: list[asyncio.Task[Line] | None] = [None] * size
        self._next = 0
        self._closed_until = 0.0

    async def ask(self, command: Sequence[bytes | str | int], *, asking: bool = False) -> Any:
        """The server's answer to a command; with ``asking`` while the slot moves to it.

        Raises:
            UnavailableError: It does not answer.
            ResourceExhaustedError: It has no memory left, or too many commands wait.
            redis.exceptions.ResponseError: It refuses.
        """
        breaker = self._breaker
        if breaker is None:
            return await self._ask(command, asking=asking)
        breaker.admit()
        began_s = time.monotonic()
        try:
            answer = await self._ask(command, asking=asking)
        except (UnavailableError, asyncio.CancelledError) as error:
            # A server that is none any more has answered; who gives up early has not found out.
            if isinstance(error.__cause__, ResponseError):
                breaker.succeeded()
            elif isinstance(error, UnavailableError) or time.monotonic() - began_s >= SLOW_S:
                breaker.failed()
            else:
                breaker.forgot()
            raise
        except ResourceExhaustedError:
            breaker.forgot()
            raise
        except BaseException:
            breaker.succeeded()
            raise
        breaker.succeeded()
        return answer

    async def _ask(self, command: Sequence[bytes | str | int], *, asking: bool) -> Any:
        line = await self.line()
        if asking:
            line.ask("ASKING").add_done_callback(settle)
        return await said(line.ask(*command))

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
