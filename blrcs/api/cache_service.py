"""CacheService: values kept in memory for a time.

What needs no decision of a use case is asked of the store directly.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing

from blrcs.api.times import from_duration, to_optional_timestamp
from blrcs.application.cache.get_entries import GetEntries
from blrcs.application.cache.get_entry import GetEntry
from blrcs.application.cache.set_entry import SetEntry
from blrcs.application.cache.touch_entry import TouchEntry
from blrcs.application.ports.cache import CacheStore
from blrcs.domain.cache_entry import CacheEntry, CacheEventKind, Presence, SetCondition
from blrcs.v1 import cache_pb2, cache_pb2_grpc
from blrcs_native.calls.call import Call

EVENT_TYPES = {
    CacheEventKind.STARTED: cache_pb2.CACHE_EVENT_TYPE_STARTED,
    CacheEventKind.SET: cache_pb2.CACHE_EVENT_TYPE_SET,
    CacheEventKind.DELETED: cache_pb2.CACHE_EVENT_TYPE_DELETED,
    CacheEventKind.EXPIRED: cache_pb2.CACHE_EVENT_TYPE_EXPIRED,
    CacheEventKind.EVICTED: cache_pb2.CACHE_EVENT_TYPE_EVICTED,
    CacheEventKind.FLUSHED: cache_pb2.CACHE_EVENT_TYPE_FLUSHED,
}


class CacheService(cache_pb2_grpc.CacheServiceServicer):
    """Serves blrcs.v1.CacheService; the contract of each method stands in cache.proto."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self._get = GetEntry(store=store)
        self._get_many = GetEntries(store=store)
        self._set = SetEntry(store=store)
        self._touch = TouchEntry(store=store)

    async def Get(self, request: cache_pb2.GetRequest, call: Call) -> cache_pb2.GetResponse:
        """NOT_FOUND where there is no entry."""
        entry = await self._get(request.namespace, request.key)
        return cache_pb2.GetResponse(entry=entry_message(entry))

    async def BatchGet(
        self, request: cache_pb2.BatchGetRequest, call: Call
    ) -> cache_pb2.BatchGetResponse:
        """Those entries that are there."""
        entries = await self._get_many(request.namespace, request.keys)
        return cache_pb2.BatchGetResponse(entries=[entry_message(entry) for entry in entries])

    async def Set(self, request: cache_pb2.SetRequest, call: Call) -> cache_pb2.SetResponse:
        """FAILED_PRECONDITION where the condition does not hold."""
        version = await self._set(
            request.namespace,
            request.key,
            request.value,
            content_type=request.content_type,
            ttl_ns=ttl_ns(request),
            condition=set_condition(request),
        )
        return cache_pb2.SetResponse(version=version)

    async def Delete(
        self, request: cache_pb2.DeleteRequest, call: Call
    ) -> cache_pb2.DeleteResponse:
        """Says whether there was an entry."""
        deleted = await self._store.delete(request.namespace, request.key)
        return cache_pb2.DeleteResponse(deleted=deleted)

    async def Increment(
        self, request: cache_pb2.IncrementRequest, call: Call
    ) -> cache_pb2.IncrementResponse:
        """FAILED_PRECONDITION where the value is no number."""
        delta = request.delta if request.HasField("delta") else 1
        value, version = await self._store.increment(
            request.namespace, request.key, delta, ttl_ns(request)
        )
        return cache_pb2.IncrementResponse(value=value, version=version)

    async def Touch(self, request: cache_pb2.TouchRequest, call: Call) -> cache_pb2.TouchResponse:
        """NOT_FOUND where there is no entry."""
        entry = await self._touch(request.namespace, request.key, ttl_ns(request))
        return cache_pb2.TouchResponse(expire_time=to_optional_timestamp(entry.expire_time_ns))

    async def Stats(self, request: cache_pb2.StatsRequest, call: Call) -> cache_pb2.StatsResponse:
        """Figures of a namespace."""
        figures = await self._store.figures(request.namespace)
        return cache_pb2.StatsResponse(
            entries=figures.entries,
            size_bytes=figures.size_bytes,
            hits=figures.hits,
            misses=figures.misses,
            evictions=figures.evictions,
            expirations=figures.expirations,
            max_entries=figures.max_entries,
            max_size_bytes=figures.max_size_bytes,
        )

    async def Flush(self, request: cache_pb2.FlushRequest, call: Call) -> cache_pb2.FlushResponse:
        """Drops all entries."""
        return cache_pb2.FlushResponse(dropped=await self._store.flush(request.namespace))

    async def Watch(
        self, request: cache_pb2.WatchRequest, call: Call
    ) -> AsyncIterator[cache_pb2.WatchResponse]:
        """Tells of changes until the client ends the call."""
        async with aclosing(self._store.watch(request.namespace, request.key_prefix)) as events:
            async for event in events:
                yield cache_pb2.WatchResponse(
                    type=EVENT_TYPES[event.kind], key=event.key, version=event.version
                )


def entry_message(entry: CacheEntry) -> cache_pb2.CacheEntry:
    """An entry as its message."""
    return cache_pb2.CacheEntry(
        key=entry.key,
        value=entry.value,
        content_type=entry.content_type,
        version=entry.version,
        expire_time=to_optional_timestamp(entry.expire_time_ns),
    )


def set_condition(request: cache_pb2.SetRequest) -> SetCondition:
    """What a request asks of the entry before it is set."""
    match request.WhichOneof("condition"):
        case "if_absent":
            return SetCondition(Presence.ABSENT)
        case "if_present":
            return SetCondition(Presence.PRESENT)
        case "if_version":
            return SetCondition(version=request.if_version)
    return SetCondition()


def ttl_ns(
    request: cache_pb2.SetRequest | cache_pb2.IncrementRequest | cache_pb2.TouchRequest,
) -> int | None:
    """The time to live that a request states; None where it states none."""
    return from_duration(request.ttl, "ttl") if request.HasField("ttl") else None
