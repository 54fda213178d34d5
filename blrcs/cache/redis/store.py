"""The cache in Redis, with copies of what was read."""

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from blrcs.application.cache.get_entries import MAX_BATCH_BYTES
from blrcs.cache.redis.copies import RedisCopies
from blrcs.cache.redis.names import CacheNames
from blrcs.cache.redis.namespaces import RedisNamespaces
from blrcs.cache.redis.stored import NS_PER_US, stored_entry
from blrcs.cache.redis.watches import RedisWatches
from blrcs.cache.refusals import not_a_number, out_of_range, too_large
from blrcs.config.cache import Cache
from blrcs.domain.cache_entry import (
    CacheEntry,
    CacheEvent,
    CacheFigures,
    SetCondition,
)
from blrcs.domain.errors import DomainError
from blrcs.redis.client import RedisClient
from blrcs.redis.feed import Feed
from blrcs.redis.script import Script
from blrcs_native.cache.stamps import CacheStamps

NUMBER_CONTENT_TYPE = "text/plain"
RECLAIMED_AT_ONCE = 1000
TENDED_AT_ONCE = 256
KEPT_BOUNDS = 1024

_TEXT = (Path(__file__).parent / "namespace.lua").read_text(encoding="utf-8")
# Redis refuses what may need memory where it has none left; all else goes on.
_FILLING = Script("#!lua\n" + _TEXT)
_OTHER = Script("#!lua flags=allow-oom\n" + _TEXT)
_FIGURES = ("entries", "size_bytes", "hits", "misses", "evictions", "expirations")

Clock = Callable[[], int]


class RedisCache:
    """Implements the CacheStore port in Redis, for all who use the same one.

    Each operation is one script, and so one step for all. What ``get`` reads is copied, and
    answered from the copy for as long as it is good: until the entry changes here, until Redis
    tells of a change, and no longer than ``settings.staleness`` after it was last certain that all
    was told.

    All methods raise UnavailableError where Redis does not answer: whether a write was carried out
    is then unknown. Belongs to the event loop, on which ``feed.run`` has to run.

    Args:
        settings: Bounds and times; where Redis is shared, they have to be the same for all.
        client: The Redis.
        stamps: What tells that copies are old; may be shared by processes, of whom each then tells
            the others of its own changes at once.
        clock: Wall-clock nanoseconds.
        monotonic: Nanoseconds by which copies age.
        shift_ns: How much later it is for entries than Redis's clock says.
    """

    def __init__(
        self,
        settings: Cache,
        client: RedisClient,
        stamps: CacheStamps,
        *,
        clock: Clock = time.time_ns,
        monotonic: Clock = time.monotonic_ns,
        shift_ns: Clock = lambda: 0,
    ) -> None:
        self._found = lru_cache(KEPT_BOUNDS)(settings.namespace)
        self._client = client
        self._monotonic = monotonic
        self._shift_ns = shift_ns
        self._names = CacheNames(client.key_prefix, client.database)
        self._namespaces = RedisNamespaces(client, self._names, settings.max_namespaces)
        self._tended = 0
        self._copies = RedisCopies(settings, stamps, self._names, clock=clock, monotonic=monotonic)
        self._watches = RedisWatches(self._names)
        self.near = self._copies.near
        self.feed = Feed(
            client,
            self._names.tracked,
            settings.staleness.ns,
            on_changed=self._copies.changed,
            on_told=self._watches.told,
            on_lost=self._watches.lost,
            on_good_until=self._copies.good_until,
            monotonic=monotonic,
        )

    async def get(self, namespace: str, key: str) -> CacheEntry | None:
        """See the port."""
        entry = self.near.get(namespace, key)
        return await self._read(namespace, key) if entry is None else entry

    async def get_many(self, namespace: str, keys: Sequence[str]) -> Sequence[CacheEntry]:
        """See the port. Ends with the entry by which the values exceed MAX_BATCH_BYTES."""
        asked_ns = self._monotonic()
        now_us, _, *found = await self._run(_OTHER, namespace, "get", tuple(keys), MAX_BATCH_BYTES)
        return [
            self.near.show(key, stored_entry(key, data, int(now_us), asked_ns))
            for key, data in zip(keys, found, strict=False)
            if data
        ]

    async def set(
        self,
        namespace: str,
        key: str,
        value: bytes,
        content_type: str,
        ttl_ns: int | None,
        condition: SetCondition,
    ) -> int | None:
        """See the port."""
        wanted = "version" if condition.version is not None else condition.presence.value
        version = int(
            await self._write(
                namespace,
                "set",
                key,
                content_type,
                value,
                self._ttl_us(namespace, ttl_ns),
                wanted,
                condition.version or 0,
            )
        )
        if version < 0:
            size_bytes = len(key.encode()) + len(content_type.encode()) + len(value)
            raise too_large(size_bytes, self._bounds(namespace)[1])
        return version or None

    async def delete(self, namespace: str, key: str) -> bool:
        """See the port."""
        return bool(await self._change(_OTHER, namespace, "delete", key))

    async def increment(
        self, namespace: str, key: str, delta: int, ttl_ns: int | None
    ) -> tuple[int, int]:
        """See the port."""
        problem, *result = await self._write(
            namespace, "increment", key, NUMBER_CONTENT_TYPE, delta, self._ttl_us(namespace, ttl_ns)
        )
        match problem:
            case b"NOT_A_NUMBER":
                raise not_a_number()
            case b"NUMBER_OUT_OF_RANGE":
                raise out_of_range()
            case b"TOO_LARGE":
                raise too_large(int(result[0]), self._bounds(namespace)[1])
        number, version = result
        return int(number), int(version)

    async def touch(self, namespace: str, key: str, ttl_ns: int | None) -> CacheEntry | None:
        """See the port."""
        asked_ns, ttl_us = self._monotonic(), self._ttl_us(namespace, ttl_ns)
        now_us, _, *found = await self._change(_OTHER, namespace, "touch", key, ttl_us)
        if not found:
            return None
        return self.near.show(key, stored_entry(key, found[0], int(now_us), asked_ns))

    async def figures(self, namespace: str) -> CacheFigures:
        """See the port. Hits of copies that others have made count within a second."""
        await self._report(namespace, [])
        found: list[int] = await self._run(_OTHER, namespace, "figures", ())
        figures = CacheFigures(0, 0, 0, 0, 0, 0, *self._bounds(namespace))
        return replace(figures, **dict(zip(_FIGURES, found, strict=False)))

    async def flush(self, namespace: str) -> int:
        """See the port."""
        try:
            return int(await self._run(_OTHER, namespace, "flush", ()))
        finally:
            self._copies.end(namespace, "")

    def watch(self, namespace: str, key_prefix: str) -> AsyncGenerator[CacheEvent, None]:
        """See the port; also ends, with UnavailableError, where Redis cannot be heard any more."""
        return self._watches.watch(self.feed, namespace, key_prefix)

    def finish_watching(self) -> None:
        """Ends all watches with UnavailableError, so that they do not keep a server from ending."""
        self._watches.finish()

    async def report(self) -> None:
        """Tells Redis what copies have answered, so that it evicts none of it as unused.

        To be called regularly, as ``reclaim`` is by one of the processes that share a Redis.
        """
        await self._namespaces.look()
        for namespace, keys in self.near.take_used().items():
            await self._report(namespace, keys)

    async def reclaim(self) -> int:
        """Frees memory of entries that expired or were flushed; how many."""
        freed, names = 0, await self._namespaces.look()
        for number in range(min(len(names), TENDED_AT_ONCE)):
            namespace = names[(self._tended + number) % len(names)]
            freed += int(await self._run(_OTHER, namespace, "reclaim", (), RECLAIMED_AT_ONCE))
        self._tended += TENDED_AT_ONCE
        return freed

    def close(self) -> None:
        """Nothing is open but the client, which is its owner's."""

    async def _read(self, namespace: str, key: str) -> CacheEntry | None:
        """The entry as Redis has it, of which a copy is made."""
        # First: what changes from here on is not in the copy.
        stamp, asked_ns = self.near.stamp(namespace, key), self._monotonic()
        now_us, epoch, *found = await self._run(_OTHER, namespace, "get", (key,), 0)
        if not found or not found[0]:
            return None
        entry = stored_entry(key, found[0], int(now_us), asked_ns)
        if self.feed.hears(epoch):
            self._copies.keep(namespace, key, stamp, entry)
        return self.near.show(key, entry)

    async def _run(
        self, script: Script, namespace: str, operation: str, keys: tuple[str, ...], *rest: Any
    ) -> Any:
        arguments = (*rest, *keys) if operation == "get" else (*keys, *rest)
        return await self._client.run(
            script,
            self._names.keys(namespace, keys),
            operation,
            self._names.channel(namespace),
            self._shift_ns() // NS_PER_US,
            *self._bounds(namespace),
            *arguments,
        )

    async def _change(
        self, script: Script, namespace: str, operation: str, key: str, *rest: Any
    ) -> Any:
        try:
            return await self._run(script, namespace, operation, (key,), *rest)
        finally:
            # Before anybody is answered; and also where Redis has not told whether it is so.
            self._copies.end(namespace, key)

    async def _write(self, namespace: str, operation: str, key: str, *rest: Any) -> Any:
        if not await self._namespaces.admit(namespace):
            await self._drop_an_empty_one()
            if not await self._namespaces.admit(namespace):
                raise self._namespaces.exhausted()
        return await self._change(_FILLING, namespace, operation, key, *rest)

    async def _drop_an_empty_one(self) -> None:
        for namespace in await self._namespaces.look():
            if await self._run(_OTHER, namespace, "drop", ()):
                await self._namespaces.strike(namespace)
                return

    async def _report(self, namespace: str, keys: list[str]) -> None:
        hits = self._copies.take_hits(namespace)
        if hits or keys:
            with contextlib.suppress(DomainError):
                await self._run(_OTHER, namespace, "use", (), hits, *keys)

    def _bounds(self, namespace: str) -> tuple[int, int]:
        found = self._found(namespace)
        return found.max_entries or 1, found.max_bytes or 1

    def _ttl_us(self, namespace: str, ttl_ns: int | None) -> int:
        if ttl_ns is None:
            default = self._found(namespace).default_ttl
            ttl_ns = default.ns if default else 0
        return -(-ttl_ns // NS_PER_US)
