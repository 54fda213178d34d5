"""A connection that many callers share."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from blrcs.redis.errors import overloaded, unavailable
from blrcs.redis.refusals import domain_error

MAX_ASKED = 4096
MAX_LEAVING_BYTES = 64 << 20
# An answer that has come already, and only waits for a loop that was busy, is not late.
GRACE_S = 0.05
PING = b"*1\r\n$4\r\nPING\r\n"

Answer = asyncio.Future[Any]
Push = list[Any]


class Pushed:
    """What Redis tells without having been asked."""

    __slots__ = ("message",)

    def __init__(self, message: Push) -> None:
        self.message = message


class Line:
    """Sends what is asked of it in one turn of the loop together, and awaits all answers at once.

    Redis answers in the order of the commands. Where it does not answer in time, or the connection
    ends, everything that was asked fails with UnavailableError, and the line is closed for good:
    nothing is sent again. Belongs to the event loop.

    Args:
        connection: Open, and the line's own from here on.
        timeout_s: How long a command may wait for its answer.
        on_push: Told of what Redis says by itself.
        on_end: Told once that the line is closed, and by what; None where it was wanted.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        timeout_s: float,
        *,
        on_push: Callable[[Push], None] | None = None,
        on_end: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._on_push = on_push
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._asked: deque[tuple[Answer, float]] = deque()
        self._told: set[Answer] = set()
        self._leaving: list[bytes] = []
        self._leaving_bytes = 0
        self._sends = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._end: BaseException | None = None
        self.is_open = True
        _hand_over_pushes(connection)
        self._tasks = [self._loop.create_task(self._send()), self._loop.create_task(self._read())]

    @property
    def load(self) -> int:
        """How many commands wait for their answers."""
        return len(self._asked)

    def ask(self, *command: bytes | str | int) -> Answer:
        """Sends a command; its answer comes with the future.

        The answer may be dropped: what it stands for happens all the same.

        Raises:
            UnavailableError: The line is closed.
            ResourceExhaustedError: MAX_ASKED commands wait already, or MAX_LEAVING_BYTES for
                the network to take them.
        """
        return self._leave(packed(command))

    def tell(self, *command: bytes | str | int) -> Answer:
        """Sends a command that Redis answers by a push alone, unless it refuses.

        The future is done when that has been carried out, which the answer of a PING behind it
        shows, or has the refusal.

        Raises:
            As ``ask``.
        """
        answer = self._leave(packed(command) + PING)
        self._told.add(answer)
        return answer

    def close(self) -> None:
        """Ends it; what was asked fails."""
        self._finish(None)

    async def wait_closed(self) -> None:
        """Returns when nothing of it is left, once it is closed."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop(self, error: Exception) -> None:
        """Ends it because of what is wrong with the server."""
        self._finish(error)

    def _leave(self, data: bytes) -> Answer:
        if not self.is_open:
            raise unavailable()
        if len(self._asked) >= MAX_ASKED or self._leaving_bytes >= MAX_LEAVING_BYTES:
            raise overloaded()
        self._leaving.append(data)
        self._leaving_bytes += len(data)
        self._sends.set()
        answer: Answer = self._loop.create_future()
        now = self._loop.time()
        self._asked.append((answer, now))
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._timeout_s, self._look_at_clock)
        return answer

    async def _send(self) -> None:
        try:
            while True:
                await self._sends.wait()
                self._sends.clear()
                leaving, self._leaving = self._leaving, []
                self._leaving_bytes = 0
                if leaving:
                    await self._connection.send_packed_command(
                        b"".join(leaving), check_health=False
                    )
        except (RedisError, OSError) as error:
            self._finish(error)

    async def _read(self) -> None:
        read = self._connection.read_response
        try:
            while True:
                try:
                    answer = await read(
                        disable_decoding=True,
                        timeout=math.inf,
                        disconnect_on_error=False,
                        push_request=True,
                    )
                except ResponseError as error:
                    self._fail(error)
                else:
                    if isinstance(answer, Pushed):
                        if self._on_push is not None:
                            self._on_push(answer.message)
                    else:
                        self._answer(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._finish(error)

    def _answer(self, result: Any) -> None:
        answer, _ = self._asked.popleft()
        if self._told:
            self._told.discard(answer)
        if not answer.done():  # else who asked has gone
            answer.set_result(result)

    def _fail(self, error: ResponseError) -> None:
        answer, asked_at = self._asked.popleft()
        if answer in self._told:
            self._told.discard(answer)
            self._await_ping(asked_at)
        if not answer.done():
            answer.set_exception(error)

    def _await_ping(self, asked_at: float) -> None:
        """What comes next is the answer of the PING behind a command that was refused."""
        nobodys: Answer = self._loop.create_future()
        nobodys.cancel()
        self._asked.appendleft((nobodys, asked_at))

    def _look_at_clock(self, *, late: bool = False) -> None:
        self._timer = None
        if not self._asked:
            return
        now = self._loop.time()
        due = self._asked[0][1] + self._timeout_s
        if due > now:
            self._timer = self._loop.call_at(due, self._look_at_clock)
        elif late:
            self._finish(TimeoutError("Redis does not answer in time"))
        else:
            self._timer = self._loop.call_later(GRACE_S, lambda: self._look_at_clock(late=True))

    def _finish(self, error: Exception | None) -> None:
        if not self.is_open:
            return
        self.is_open = False
        for task in self._tasks:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        _abort(self._connection)
        closing = self._loop.create_task(self._connection.disconnect(nowait=True))
        self._tasks.append(closing)
        while self._asked:
            answer, _ = self._asked.popleft()
            if not answer.done():
                answer.set_exception(unavailable())
        if self._on_end is not None:
            self._on_end(error)


def _abort(connection: AbstractConnection) -> None:
    """Ends it without waiting for the network to take what is left, which it may never do."""
    writer = connection._writer  # noqa: SLF001 - redis-py has no public way
    if writer is not None:
        writer.transport.abort()


def _hand_over_pushes(connection: AbstractConnection) -> None:
    """Has the connection's reader return what Redis tells by itself, marked as such."""

    async def mark(message: Push) -> Pushed:
        return Pushed(message)

    parser: Any = connection._parser  # noqa: SLF001 - as redis-py's own PubSub does
    parser.set_pubsub_push_handler(mark)
    parser.set_invalidation_push_handler(mark)


def packed(command: Sequence[bytes | str | int]) -> bytes:
    """A command as it is sent."""
    parts = [b"*%d\r\n" % len(command)]
    for each in command:
        data = each if isinstance(each, bytes) else str(each).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


async def said(answer: Answer) -> Any:
    """The answer, with Redis's refusals as callers are told of them."""
    try:
        return await answer
    except ResponseError as error:
        raise domain_error(error) from error
