"""Reads that go by a collection's indexes."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from blrcs.application.collections.collection_shapes import CollectionShape, CollectionShapes
from blrcs.application.ports.clock import Clock
from blrcs.domain.record_name import CollectionKey

GOOD_FOR_NS = 30_000_000_000
"""Indexes that are declared no more are kept up for longer, for those who have begun by them."""

Found = TypeVar("Found")


class IndexedReads:
    """Reads by the indexes that a collection has.

    One that takes so long that an index may have been dropped meanwhile is done again if the
    collection has changed.

    Args:
        shapes: What collections are like.
        clock: Monotonic nanoseconds.
    """

    def __init__(self, shapes: CollectionShapes, *, clock: Clock = time.monotonic_ns) -> None:
        self._shapes = shapes
        self._clock = clock

    async def __call__(
        self, parent: CollectionKey, read: Callable[[CollectionShape], Awaitable[Found]]
    ) -> Found:
        """What is read; NotFoundError if there is no such collection, and what the read raises."""
        while True:
            begun_ns = self._clock()
            shape = await self._shapes.get(parent)
            found = await read(shape)
            if not shape.collection.indexes or self._clock() - begun_ns < GOOD_FOR_NS:
                return found
            now = await self._shapes.get(parent)
            if now.collection.etag == shape.collection.etag:
                return found
