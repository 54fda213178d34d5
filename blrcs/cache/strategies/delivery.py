"""Carries writes from the backlog to their sink."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from blrcs.application.ports.write_sink import WriteRefusedError, WriteSink
from blrcs.cache.strategies.backlog import Backlog, take_batch
from blrcs.cache.strategies.foreign import foreign
from blrcs.cache.strategies.held import Held, HeldKey
from blrcs.cache.strategies.log.dead_letters import DeadLetter, DeadLetters
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.cache.strategies.write_behind_options import WriteBehindOptions
from blrcs.domain.errors import DomainError, OutcomeUnknownError
from blrcs.domain.logged_write import Applied, LoggedWrite

NS_PER_S = 1_000_000_000
PASSING_CODES = {"ABORTED", "RESOURCE_EXHAUSTED", "UNAVAILABLE", OutcomeUnknownError.code}
MOST_DOUBLINGS = 32

log = structlog.get_logger("blrcs.cache")

Finish = Callable[[Sequence[LoggedWrite]], Awaitable[bool]]
"""Lets go of writes that are dealt with; False where it has to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long to wait after failures: full jitter, up to a bound that doubles."""

    options: WriteBehindOptions
    monotonic: Callable[[], int]
    random: Callable[[], float]

    def after_ns(self, failures: int) -> int:
        """The pause after so many failures in a row."""
        doubled = self.options.first_pause_ns << min(failures - 1, MOST_DOUBLINGS)
        return int(min(doubled, self.options.longest_pause_ns) * self.random())


class Delivery:
    """Gives the sink one batch after another, in the log's order.

    Trouble of the sink as a whole (UNAVAILABLE, ABORTED, RESOURCE_EXHAUSTED, an unknown outcome,
    time-outs, errors of the system, work that was cancelled) has the same batch tried again, for as
    long as it takes. Any other error is one of the batch's writes: they are then tried one by one,
    and the key of the one that fails is held, with what is written to it later, while all others go
    on. It is tried again after pauses. A refusal (WriteRefusedError) counts; another error counts
    where the sink has carried out other writes since the attempt before, so that a sink that is
    broken altogether sets nothing aside.
    After ``max_attempts`` that count the write becomes a dead letter, and the next of its key is
    tried: a write is a whole value, and needs none before it.

    Args:
        sink: Where writes go.
        name: The log's, for the sink.
        namespace: The strategy's, for people.
        backlog: What is to be carried out.
        letters: Where refused writes go.
        finish: Called with what is dealt with.
        pauses: Between attempts, and what bounds batches.
        metrics: Count.
    """

    def __init__(
        self,
        sink: WriteSink,
        name: str,
        namespace: str,
        backlog: Backlog,
        letters: DeadLetters,
        *,
        finish: Finish,
        pauses: Pauses,
        metrics: StrategyMetrics,
    ) -> None:
        self._sink = sink
        self._name = name
        self._namespace = namespace
        self._backlog = backlog
        self._letters = letters
        self._finish = finish
        self._pauses = pauses
        self._options = pauses.options
        self._metrics = metrics
        self._held = Held()
        self._unfinished: list[LoggedWrite] = []
        self._successes = 0
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """There is more in the backlog."""
        self._changed.set()

    def hold(self, write: LoggedWrite) -> None:
        """Has a write that was taken before tried by itself, and those of its key behind it."""
        self._held.hold(write)

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        finishes_failed = 0
        while True:
            self._changed.clear()
            tried = await self._try_held()
            moved = await self._apply_next()
            if self._unfinished:
                finished = await self._finish(self._unfinished)
                self._unfinished = [] if finished else self._unfinished
                finishes_failed = 0 if finished else finishes_failed + 1
            if tried or moved:
                await asyncio.sleep(0)  # a sink may never have to wait, and others want their turn
            else:
                await self._wait(finishes_failed)

    async def _wait(self, finishes_failed: int) -> None:
        """Until there is more, a held key is due, or finishing may be tried again."""
        waits = []
        held = self._held.first_due()
        if held is not None:
            waits.append(held.due_ns - self._pauses.monotonic())
        if finishes_failed:
            waits.append(self._pauses.after_ns(finishes_failed))
        timeout_s = max(0, min(waits)) / NS_PER_S if waits else None
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _apply_next(self) -> bool:
        if len(self._held) >= self._options.max_held:
            return False
        options = self._options
        batch, behind = take_batch(
            self._backlog, self._held, options.batch_entries, options.batch_bytes
        )
        for write in behind:
            self._held.hold(write)
        error = await self._apply(batch) if batch else None
        if error is not None:
            await self._apply_one_by_one(batch)
        return bool(batch or behind)

    async def _apply_one_by_one(self, batch: Sequence[LoggedWrite]) -> None:
        rest = {write.sequence for write in batch}
        for write in batch:
            rest.remove(write.sequence)
            if write.key in self._held:
                self._held.hold(write)
                continue
            error = await self._apply([write], rest)
            if error is not None:
                held = self._held.hold(write)
                held.successes = self._successes
                await self._refused(held, error)

    async def _try_held(self) -> bool:
        held = self._held.first_due()
        if held is None or held.due_ns > self._pauses.monotonic():
            return False
        write = held.writes[0]
        error = await self._apply([write])
        if error is None:
            self._held.pop(held)
        else:
            await self._refused(held, error)
        return True

    async def _apply(
        self, batch: Sequence[LoggedWrite], rest: set[int] | frozenset[int] = frozenset()
    ) -> Exception | None:
        """Has the sink carry writes out, however long it is in trouble; or the error of a write.

        ``rest`` has been taken from the backlog and is neither applied nor held.
        """
        but = (self._held.sequences | rest) - {write.sequence for write in batch}
        applied = Applied(self._backlog.taken_up_to, but)
        failures = 0
        while True:
            try:
                async with asyncio.timeout(self._options.apply_timeout_ns / NS_PER_S):
                    applying = self._sink.apply(self._name, batch, applied)
                    await foreign(applying, "SINK_CANCELLED", "what the sink did was cancelled")
            except Exception as error:  # noqa: BLE001 - a sink is somebody else's code
                if not _is_passing(error):
                    self._metrics.failures.labels(self._namespace, "write").inc()
                    return error
                failures += 1
                await self._pause(error, failures)
            else:
                self._successes += 1
                self._unfinished += batch
                self._metrics.applied.labels(self._namespace, "applied").inc(len(batch))
                return None

    async def _pause(self, error: Exception, failures: int) -> None:
        self._metrics.failures.labels(self._namespace, "sink").inc()
        pause_ns = self._pauses.after_ns(failures)
        log.warning(
            "writes cannot be carried out now",
            namespace=self._namespace,
            failures=failures,
            pause_ns=pause_ns,
            problem=_text(error),
        )
        await asyncio.sleep(pause_ns / NS_PER_S)

    async def _refused(self, held: HeldKey, error: Exception) -> None:
        write = held.writes[0]
        held.attempts += 1
        if isinstance(error, WriteRefusedError) or self._successes > held.successes:
            held.refusals += 1
        held.successes = self._successes
        held.due_ns = self._pauses.monotonic() + self._pauses.after_ns(held.attempts)
        log.warning(
            "a write was refused",
            namespace=self._namespace,
            sequence=write.sequence,
            refusals=held.refusals,
            problem=_text(error),
        )
        if held.refusals >= self._options.max_attempts:
            await self._set_aside(held, error)

    async def _set_aside(self, held: HeldKey, error: Exception) -> None:
        write = held.writes[0]
        try:
            await asyncio.to_thread(self._letters.add, DeadLetter(write, _text(error)))
        except OSError as problem:
            log.exception("a dead letter cannot be kept", problem=str(problem))
            return
        self._held.pop(held)
        self._unfinished.append(write)
        self._metrics.applied.labels(self._namespace, "set aside").inc()
        log.error(
            "a write was set aside as a dead letter",
            namespace=self._namespace,
            sequence=write.sequence,
            problem=_text(error),
        )


def _is_passing(error: Exception) -> bool:
    """Whether it says nothing of the writes, only that they cannot be carried out now."""
    if isinstance(error, DomainError):
        return error.code in PASSING_CODES
    return isinstance(error, OSError)  # which TimeoutError is


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
