"""The loads of one namespace that are under way in this process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import Context
from functools import partial
from typing import Any

from blrcs.cache.strategies.entries import Clock, Entries
from blrcs.cache.strategies.flight import Flight
from blrcs.cache.strategies.foreign import foreign
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.cache.strategies.read_options import ReadOptions
from blrcs.cache.strategies.stored_value import Kind, StoredValue
from blrcs.domain.deadline import call_deadline_ns, remaining_s
from blrcs.domain.errors import (
    DomainError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)

NS_PER_S = 1_000_000_000
RETRY_AFTER_NS = 100_000_000
MARK_MARGIN_NS = NS_PER_S

LoadMany = Callable[[Sequence[str]], Awaitable[Mapping[str, bytes]]]
"""The values of those keys that have one."""


class Flights:
    """Has each key loaded once for all who ask at the same time. Belongs to the event loop.

    A load is a task of its own, with nothing of its callers' context: who is cancelled leaves the
    others their result, and only where nobody waits any more is the load cancelled too.

    Args:
        entries: Where values are kept.
        namespace: For metrics.
        load: Gives values.
        lifetimes: How long they are kept.
        options: Bounds.
        metrics: Count.
        monotonic: Nanoseconds by which loads are measured.
    """

    def __init__(
        self,
        entries: Entries,
        namespace: str,
        load: LoadMany,
        lifetimes: Lifetimes,
        options: ReadOptions,
        metrics: StrategyMetrics,
        *,
        monotonic: Clock = time.monotonic_ns,
    ) -> None:
        self._entries = entries
        self._namespace = namespace
        self._load = load
        self._lifetimes = lifetimes
        self._options = options
        self._metrics = metrics
        self._monotonic = monotonic
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(options.max_loads)
        self._waiting = 0
        self._order = 0
        self._closed = False

    def arrive(self) -> int:
        """A caller's place among all arrivals and beginnings, to be taken before it looks."""
        self._order += 1
        return self._order

    async def join(
        self, keys: Sequence[str], seen: Mapping[str, StoredValue], arrived: int
    ) -> list[bytes | None]:
        """The values of keys, of loads that are under way or begin now.

        Args:
            keys: None of them twice.
            seen: What stands in the cache.
            arrived: The caller's place.

        Raises:
            ResourceExhaustedError: Too many callers wait.
            UnavailableError: A load took too long, or longer than the caller has.
            Exception: What a load raised.
        """
        if self._closed:
            raise _closed()
        if self._waiting >= self._options.max_waiting:
            raise ResourceExhaustedError(
                "CACHE_LOADS_EXHAUSTED",
                "too many callers wait for values to be loaded",
                retry_after_ns=RETRY_AFTER_NS,
            )
        flights = [self._joined(key, seen.get(key), arrived) for key in keys]
        self._start([flight for flight in flights if flight.task is None])
        return await self._wait(flights)

    def refresh(self, seen: Mapping[str, StoredValue], failed: Callable[[str], object]) -> None:
        """Has keys loaded in the background where they are not yet, and where there is room.

        Args:
            seen: What stands in the cache; it is replaced.
            failed: Told of each key whose load fails.
        """
        if self._closed or self._slots.locked():
            return
        begun = []
        for key, stored in seen.items():
            if key not in self._flights:
                begun.append(flight := self._new(key, stored, is_refresh=True))
                flight.result.add_done_callback(partial(_tell_if_failed, key, failed))
        if begun:
            self._start(begun)

    async def close(self) -> None:
        """Cancels all loads; who waits gets UnavailableError."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _joined(self, key: str, seen: StoredValue | None, arrived: int) -> Flight:
        flight = self._flights.get(key)
        version = None if seen is None else seen.version
        if flight is not None and flight.serves(arrived, version):
            return flight
        return self._new(key, seen, is_refresh=False)

    def _new(self, key: str, seen: StoredValue | None, *, is_refresh: bool) -> Flight:
        flight = self._flights[key] = Flight(key, seen, is_refresh=is_refresh)
        return flight

    async def _wait(self, flights: Sequence[Flight]) -> list[bytes | None]:
        self._waiting += 1
        for flight in flights:
            flight.waiting += 1
        try:
            async with asyncio.timeout(remaining_s()):
                for flight in flights:
                    # Not the future itself, which would be cancelled with the caller.
                    await asyncio.wait([flight.result])
        except TimeoutError as error:
            raise UnavailableError("LOAD_TOO_SLOW", "the value was not loaded in time") from error
        finally:
            self._waiting -= 1
            for flight in flights:
                flight.waiting -= 1
                self._abandon(flight)
        return [flight.result.result() for flight in flights]

    def _abandon(self, flight: Flight) -> None:
        """Cancels a load that nobody waits for; one of several where that holds of all."""
        if flight.result.done() or any(each.is_wanted for each in flight.batch):
            return
        self._forget(flight.batch)
        if flight.task is not None:
            flight.task.cancel()

    def _start(self, flights: Sequence[Flight]) -> None:
        size = self._options.max_batch
        for start in range(0, len(flights), size):
            batch = flights[start : start + size]
            task = asyncio.get_running_loop().create_task(self._run(batch), context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            for flight in batch:
                flight.task, flight.batch = task, batch

    async def _run(self, batch: Sequence[Flight]) -> None:
        try:
            async with self._slots:
                await _all([self._claim(flight) for flight in batch])
                left = [flight for flight in batch if not flight.result.done()]
                if left:
                    await self._load_all(left)
        except asyncio.CancelledError:
            for flight in batch:
                flight.fail(_closed())
            raise
        except Exception as error:  # noqa: BLE001 - a loader is somebody else's code
            self._count("failed", len(batch))
            for flight in batch:
                flight.fail(error)
        finally:
            self._forget(batch)

    def _forget(self, batch: Sequence[Flight]) -> None:
        for flight in batch:
            if self._flights.get(flight.key) is flight:
                del self._flights[flight.key]

    async def _claim(self, flight: Flight) -> None:
        """Sees to it that what is loaded has a place to go to, unless the cache fails."""
        if flight.is_refresh:
            return
        try:
            if flight.seen is not None:
                # A load may have ended since the caller looked.
                flight.seen = await self._entries.look(flight.key)
            if flight.seen is None:
                ttl_ns = self._options.load_timeout_ns + MARK_MARGIN_NS
                flight.seen = await self._entries.claim(flight.key, ttl_ns)
        except DomainError:
            return
        if flight.seen.is_served(self._entries.now_ns()):
            flight.succeed(flight.seen.answer)

    async def _load_all(self, flights: Sequence[Flight]) -> None:
        self._order += 1
        for flight in flights:
            flight.began = self._order
        began_ns = self._monotonic()
        values = await self._loaded([flight.key for flight in flights])
        duration_ns = self._monotonic() - began_ns
        self._metrics.load_durations.labels(self._namespace).observe_ns(duration_ns)
        present = sum(flight.key in values for flight in flights)
        self._count("loaded", present)
        self._count("absent", len(flights) - present)
        for flight in flights:
            flight.succeed(values.get(flight.key))
        await _all([self._keep(flight, values.get(flight.key), duration_ns) for flight in flights])

    async def _loaded(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        timeout_ns = self._options.load_timeout_ns
        call_deadline_ns.set(time.monotonic_ns() + timeout_ns)
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_S) as limit:
                return await foreign(
                    self._load(keys), "LOAD_CANCELLED", "the value was not loaded: try again"
                )
        except NotFoundError:
            if len(keys) > 1:
                raise
            return {}
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise UnavailableError("LOAD_TIMED_OUT", "the value took too long to load") from error

    async def _keep(self, flight: Flight, value: bytes | None, duration_ns: int) -> None:
        if flight.seen is None or flight.seen.kind is Kind.WRITING:
            return
        try:
            await self._entries.keep(
                flight.key,
                value,
                self._lifetimes,
                version=flight.seen.version,
                duration_ns=duration_ns,
            )
        except DomainError:
            # It was loaded, and whoever waits has it; the next load tries again.
            self._metrics.reads.labels(self._namespace, "failed").inc()

    def _count(self, outcome: str, keys: int) -> None:
        if keys:
            self._metrics.loads.labels(self._namespace, outcome).inc(keys)


def _tell_if_failed(
    key: str, failed: Callable[[str], object], result: asyncio.Future[bytes | None]
) -> None:
    if result.exception() is not None:
        failed(key)


async def _all(steps: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Takes steps at the same time; a single one without a task of its own."""
    if len(steps) == 1:
        await steps[0]
    else:
        await asyncio.gather(*steps)


def _closed() -> UnavailableError:
    return UnavailableError("CACHE_CLOSED", "values are not loaded any more")
