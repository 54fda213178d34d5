"""Read-through: the cache loads what it does not have, once for all who ask."""

import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from blrcs.application.ports.cache import CacheStore
from blrcs.cache.strategies.entries import Clock, Entries
from blrcs.cache.strategies.flights import Flights, LoadMany
from blrcs.cache.strategies.lifetimes import Lifetimes
from blrcs.cache.strategies.metrics import StrategyMetrics
from blrcs.cache.strategies.pending_write import PendingWrite
from blrcs.cache.strategies.read_options import ReadOptions
from blrcs.cache.strategies.stored_value import Kind, StoredValue
from blrcs.domain.errors import DomainError
from blrcs_native.cache.caches import TtlCache

FAILED_REFRESHES = 10_000
OUTCOMES = ("fresh", "stale", "absent", "miss", "pending", "failed")

Load = Callable[[str], Awaitable[bytes | None]]
"""The value of a key; None, or NotFoundError, where there is none."""


class PendingWrites(Protocol):
    """Knows of writes that are not in the store yet, as WriteBehind does."""

    def pending(self, key: str) -> PendingWrite | None:
        """The last of a key."""
        ...


class ReadThrough:
    """Reads values, from the cache or by loading them.

    A value is fresh for a time, and then stale for another, in which it is still served while one
    load in the background replaces it; if that fails, it is served until its end, and the load is
    tried again from time to time. Before its time is over a fresh value may be loaded anew by
    chance, the sooner the longer its load takes (XFetch; Vattani, Chierichetti, Lowenstein: Optimal
    Probabilistic Cache Stampede Prevention, 2015). That there is none may be remembered too.

    Callers of one process that miss a key at the same time share one load; each process has one of
    its own. An error reaches all who wait for it, and is not kept. No read that begins after
    ``invalidate`` has returned, in whatever process, gets what was loaded before. Where the cache
    cannot be reached, values are loaded, within the same bounds, and not kept.

    Loads run outside of their callers: without their context, deadline and identity.

    Args:
        cache: Where values are kept.
        namespace: Theirs alone.
        lifetimes: How long values are served.
        load: Loads one value.
        load_many: Loads several at once; given instead of ``load``.
        options: Bounds.
        pending: Whose writes outweigh what is cached and stored.
        metrics: Count.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which loads are measured.
        rand: Numbers from 0 to 1, for early refreshes.

    Raises:
        ValueError: ``load`` and ``load_many`` are both given, or none is.
    """

    def __init__(
        self,
        cache: CacheStore,
        namespace: str,
        lifetimes: Lifetimes,
        *,
        load: Load | None = None,
        load_many: LoadMany | None = None,
        options: ReadOptions | None = None,
        pending: PendingWrites | None = None,
        metrics: StrategyMetrics | None = None,
        clock: Clock = time.time_ns,
        monotonic: Clock = time.monotonic_ns,
        rand: Callable[[], float] = random.random,
    ) -> None:
        options, metrics = options or ReadOptions(), metrics or StrategyMetrics()
        if load is not None and load_many is None:
            load_many, options = _one_by_one(load), replace(options, max_batch=1)
        elif load is not None or load_many is None:
            raise ValueError("either load or load_many is needed, and not both")
        self._early_beta = options.early_beta
        self._entries = Entries(cache, namespace, clock=clock)
        self._pending = pending
        self._random = rand
        self._reads = {each: metrics.reads.labels(namespace, each) for each in OUTCOMES}
        self._flights = Flights(
            self._entries,
            namespace,
            load_many,
            lifetimes,
            options,
            metrics,
            monotonic=monotonic,
        )
        self._failed: TtlCache[str, bool] = TtlCache(
            FAILED_REFRESHES, options.retry_ns, clock=monotonic
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def get(self, key: str) -> bytes | None:
        """The value of a key; None where there is none.

        Raises:
            ResourceExhaustedError: Too many callers wait for loads.
            UnavailableError: The load took too long, or longer than the caller has.
            Exception: What the load raised.
        """
        if self._pending is not None:
            written = self._pending.pending(key)
            if written is not None:
                self._reads["pending"].inc()
                return written.value
        arrived = self._flights.arrive()
        try:
            stored = await self._entries.look(key)
        except DomainError:
            self._reads["failed"].inc()
            stored = None
        if stored is not None:
            now_ns = self._entries.now_ns()
            if stored.is_served(now_ns):
                if self._served(key, stored, now_ns):
                    self._flights.refresh({key: stored}, self._refresh_failed)
                return stored.answer
        self._reads["miss"].inc()
        seen = {} if stored is None else {key: stored}
        return (await self._flights.join([key], seen, arrived))[0]

    async def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of those keys that have one; raises what ``get`` does, if any load does."""
        found, left = self._found_pending(keys)
        arrived = self._flights.arrive()
        seen = await self._look(left)
        missing, refreshing = [], {}
        now_ns = self._entries.now_ns()
        for key in left:
            stored = seen.get(key)
            if stored is None or not stored.is_served(now_ns):
                missing.append(key)
                continue
            found[key] = stored.answer
            if self._served(key, stored, now_ns):
                refreshing[key] = stored
        if refreshing:
            self._flights.refresh(refreshing, self._refresh_failed)
        if missing:
            self._reads["miss"].inc(len(missing))
            loaded = await self._flights.join(missing, seen, arrived)
            found |= dict(zip(missing, loaded, strict=True))
        return {key: value for key, value in found.items() if value is not None}

    async def invalidate(self, key: str) -> None:
        """To be called after each change of the value by others, before it is acknowledged.

        Raises:
            DomainError: The cache cannot be reached. What it has may be served until its time ends.
        """
        await self._entries.drop(key)

    async def close(self) -> None:
        """Cancels what is being loaded; who waits for it gets UnavailableError."""
        await self._flights.close()

    def _found_pending(self, keys: Sequence[str]) -> tuple[dict[str, bytes | None], list[str]]:
        left = list(dict.fromkeys(keys))
        if self._pending is None:
            return {}, left
        written = {key: write for key in left if (write := self._pending.pending(key))}
        self._reads["pending"].inc(len(written))
        return (
            {key: write.value for key, write in written.items()},
            [key for key in left if key not in written],
        )

    async def _look(self, keys: Sequence[str]) -> dict[str, StoredValue]:
        """What stands in the cache; nothing where it cannot be asked."""
        if not keys:
            return {}
        try:
            return await self._entries.look_many(keys)
        except DomainError:
            self._reads["failed"].inc(len(keys))
            return {}

    def _served(self, key: str, stored: StoredValue, now_ns: int) -> bool:
        """Counts it. Whether to load it anew: it is stale, or chance has it so (XFetch)."""
        is_fresh = stored.is_fresh(now_ns)
        if stored.kind is Kind.ABSENT:
            self._reads["absent"].inc()
        else:
            self._reads["fresh" if is_fresh else "stale"].inc()
        if is_fresh:
            early_ns = -stored.duration_ns * self._early_beta * math.log(1 - self._random())
            if now_ns + early_ns < stored.fresh_until_ns:
                return False
        return key not in self._failed

    def _refresh_failed(self, key: str) -> None:
        self._failed.set(key, value=True)


def _one_by_one(load: Load) -> LoadMany:
    async def load_many(keys: Sequence[str]) -> Mapping[str, bytes]:
        (key,) = keys
        value = await load(key)
        return {} if value is None else {key: value}

    return load_many
