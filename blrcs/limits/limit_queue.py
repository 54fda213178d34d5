"""Calls on their way to the script in Redis."""

import asyncio
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, Protocol

import structlog
from redis.exceptions import RedisError

from blrcs.domain.errors import DomainError
from blrcs.limits.limit_calls import Answer, LimitCall, read_answers
from blrcs.redis.script import Script

SCRIPT = Script(resources.files("blrcs.limits").joinpath("limits.lua").read_text("utf-8"))
MAX_CALLS = 32
"""That Redis runs in one go, so that it turns to others soon."""
MAX_RUNNING = 2
"""Steps under way at a time, so that Redis has work while answers are read. What comes meanwhile
leaves together."""
GRACE_S = 0.02
# What has come already, and waits only for a loop that was busy, is not late.

Batch = list[tuple[LimitCall, asyncio.Future[Answer]]]

log = structlog.get_logger("blrcs.limits")


class RunsScripts(Protocol):
    """What of a Redis client is needed here."""

    async def run(self, script: Script, keys: Sequence[bytes], *arguments: bytes) -> Any:
        """What a script replies."""
        ...


class RedisLostError(Exception):
    """Redis has not decided. Whether it has counted is unknown."""


class LimitQueue:
    """Has Redis decide on the calls of one domain, many of them in one round trip.

    When Redis does not answer in time, or refuses, it counts as lost: all calls fail at once from
    then on, and none waits, until a look at it every ``retry_s`` finds it back. Belongs to the
    event loop.

    Args:
        redis: Asked.
        probe: What a look asks: a call that writes, to a cell of the domain.
        timeout_s: How long an answer may take.
        retry_s: How long until the next look.
        clock_us: For tests: the time to count by, instead of the server's.
    """

    def __init__(
        self,
        redis: RunsScripts,
        probe: LimitCall,
        *,
        timeout_s: float,
        retry_s: float,
        clock_us: Callable[[], int] | None = None,
    ) -> None:
        self._redis = redis
        self._probe = probe
        self._timeout_s = timeout_s
        self._retry_s = retry_s
        self._clock_us = clock_us
        self._loop = asyncio.get_running_loop()
        self._waiting: Batch = []
        self._running: dict[asyncio.Task[list[Answer]], tuple[Batch, asyncio.TimerHandle]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._is_due = False

    @property
    def is_lost(self) -> bool:
        """Whether Redis does not decide now."""
        return self._looking is not None

    def ask(self, call: LimitCall) -> asyncio.Future[Answer]:
        """The answer to come, or RedisLostError. The call is made even if nobody awaits it."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if self._looking is not None:
            future.set_exception(RedisLostError())
            return future
        self._waiting.append((call, future))
        if not self._is_due and len(self._running) < MAX_RUNNING:
            self._is_due = True
            self._loop.call_soon(self._send)
        return future

    async def close(self) -> None:
        """Ends what is under way."""
        tasks: list[asyncio.Task[Any]] = [*self._running]
        if self._looking is not None:
            tasks.append(self._looking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _fail(self._waiting)

    def _send(self) -> None:
        self._is_due = False
        while self._waiting and len(self._running) < MAX_RUNNING:
            batch, self._waiting = self._waiting[:MAX_CALLS], self._waiting[MAX_CALLS:]
            asking = self._loop.create_task(self._run([call for call, _ in batch]))
            timer = self._loop.call_later(self._timeout_s, self._wait_no_longer, asking)
            self._running[asking] = (batch, timer)
            asking.add_done_callback(self._answered)

    async def _run(self, calls: Sequence[LimitCall]) -> list[Answer]:
        keys = [
            claim.counted.rule.key(claim.counted.cell) for call in calls for claim in call.claims
        ]
        clock = b"" if self._clock_us is None else b"%d" % self._clock_us()
        packed = b"[%b]" % b",".join([call.packed() for call in calls])
        return read_answers(await self._redis.run(SCRIPT, keys, clock, packed), calls)

    def _wait_no_longer(self, asking: asyncio.Task[list[Answer]], *, late: bool = False) -> None:
        if asking not in self._running:
            return
        batch, _ = self._running[asking]
        if late:
            # Those who ask are told now; the task may take its time to end.
            asking.cancel()
            self._lose(TimeoutError("Redis does not answer in time"))
            _fail(batch)
            return
        timer = self._loop.call_later(GRACE_S, lambda: self._wait_no_longer(asking, late=True))
        self._running[asking] = (batch, timer)

    def _answered(self, asking: asyncio.Task[list[Answer]]) -> None:
        batch, timer = self._running.pop(asking)
        timer.cancel()
        try:
            answers = asking.result()
        except (RedisError, DomainError, OSError, ValueError) as error:
            self._lose(error)
            _fail(batch)
        except asyncio.CancelledError:
            _fail(batch)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
            self._send()

    def _lose(self, error: Exception) -> None:
        if self._looking is None:
            log.warning("limits are no longer counted in Redis", problem=str(error))
            self._looking = self._loop.create_task(self._look())
        waiting, self._waiting = self._waiting, []
        _fail(waiting)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._retry_s)
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._run([self._probe])
            except (RedisError, DomainError, OSError, ValueError):
                continue
            self._looking = None
            log.info("limits are counted in Redis again")
            return


def _fail(batch: Batch) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(RedisLostError())
