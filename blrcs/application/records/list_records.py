"""Listing records."""

import json
from collections.abc import Sequence

from blrcs.application.collections.collection_shapes import CollectionShape
from blrcs.application.collections.indexed_reads import IndexedReads
from blrcs.application.page import Page, PageRequest
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.page_tokens import PageTokens
from blrcs.application.ports.records import ListedRecord, RecordRepository, Selection
from blrcs.application.records.record_selection import select
from blrcs.domain.collection import Collection
from blrcs.domain.order_by import Position, position
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import CollectionKey

MAX_PAGE_BYTES = 3 << 20
"""A page beyond ends before its size: clients take messages of 4 MiB."""
MAX_READ = 100
"""As many records are read at once, large as they may be."""


class ListRecords:
    """Lists the records that a filter matches, in the order that is asked for."""

    def __init__(
        self,
        *,
        indexed: IndexedReads,
        records: RecordRepository,
        page_tokens: PageTokens,
        clock: Clock,
    ) -> None:
        self._indexed = indexed
        self._records = records
        self._page_tokens = page_tokens
        self._clock = clock

    async def __call__(
        self, parent: CollectionKey, request: PageRequest, *, filter_: str, order_by: str
    ) -> Page[RecordImage]:
        """A page.

        Raises:
            InvalidArgumentError: The filter or the order is none, or asks for what is encrypted or
                secret; or the token is from elsewhere.
            NotFoundError: There is no such collection.
        """
        return await self._indexed(
            parent, lambda shape: self._page(shape, request, filter_, order_by)
        )

    async def _page(
        self, shape: CollectionShape, request: PageRequest, filter_: str, order_by: str
    ) -> Page[RecordImage]:
        selection = select(shape, filter_=filter_, order_by=order_by)
        collection = shape.collection
        # A collection of the same name that was made later is another one.
        incarnation = f"{collection.name} {collection.create_time_ns}"
        query = "\n".join([incarnation, str(selection.order_by), str(selection.filter_)])
        cursor = self._page_tokens.redeem(query, request.page_token)
        at: Position | None = tuple(json.loads(cursor)) if cursor else None
        taken, is_last = await self._taken(collection, selection, at, request.limit)
        token = ""
        if not is_last:
            end = position(selection.order_by, taken[-1].subject())
            # Escaped, strings beyond ASCII make longer tokens than are taken back.
            cursor = json.dumps(end, ensure_ascii=False, separators=(",", ":"))
            token = self._page_tokens.issue(query, cursor)
        return Page([each.image for each in taken], token)

    async def _taken(
        self, collection: Collection, selection: Selection, at: Position | None, limit: int
    ) -> tuple[Sequence[ListedRecord], bool]:
        """The records of a page, and whether there are no others."""
        now_ns = self._clock()
        taken: list[ListedRecord] = []
        size_bytes = 0
        while True:
            asked = min(limit - len(taken) + 1, MAX_READ)
            found = await self._records.page(
                collection, selection, position=at, limit=asked, now_ns=now_ns
            )
            for each in found:
                size_bytes += each.image.size_bytes
                if len(taken) == limit or (taken and size_bytes > MAX_PAGE_BYTES):
                    return taken, False
                taken.append(each)
            if len(found) < asked:
                return taken, True
            at = position(selection.order_by, taken[-1].subject())
