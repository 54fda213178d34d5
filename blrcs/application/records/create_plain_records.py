"""Creating many records at once."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from blrcs.application.collections.collection_shapes import CollectionShape, CollectionShapes
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.credentials import SecretGenerator
from blrcs.application.ports.records import (
    ChangeSignal,
    CollectionChangedError,
    PlainRecords,
    RecordImages,
    RecordRepository,
)
from blrcs.application.records.record_planner import MAX_ENCODED_BYTES
from blrcs.domain.errors import NotFoundError
from blrcs.domain.etag import render_etag
from blrcs.domain.record import MAX_BATCH_BYTES
from blrcs.domain.record_name import CollectionKey, collection_key_in


class PlainDocuments(NamedTuple):
    """Data of records, column by column: thousands of objects would cost more than what they hold.

    Attributes:
        ids: Of the records; an empty one is made up.
        texts: The documents, as they are stored.
        encoded: The same, as presentation encodes them.
    """

    ids: list[str]
    texts: list[str]
    encoded: list[bytes]


class CreatePlainRecords:
    """Creates records in a collection that asks nothing of its data but to be documents."""

    def __init__(
        self,
        *,
        shapes: CollectionShapes,
        records: RecordRepository,
        images: RecordImages,
        signal: ChangeSignal,
        secrets: SecretGenerator,
        clock: Clock,
    ) -> None:
        self._shapes = shapes
        self._records = records
        self._images = images
        self._signal = signal
        self._secrets = secrets
        self._clock = clock

    def suits(self, parent: CollectionKey) -> bool | None:
        """Whether there is such a collection: what is to be created is read for no other.

        Returns:
            None where that is not known yet: ``learn`` finds out.
        """
        shape = self._shapes.kept(parent)
        return None if shape is None else shape.is_plain

    def key_of(self, name: str) -> CollectionKey | None:
        """The key of such a collection, by its name, which is a valid one; None for any other."""
        key = collection_key_in(name)
        shape = self._shapes.kept(key)
        return key if shape is not None and shape.is_plain else None

    async def learn(self, parent: CollectionKey) -> bool:
        """As ``suits``, of what the database says."""
        try:
            return (await self._shapes.known(parent)).is_plain
        except NotFoundError:
            return False

    async def all_but_taken(
        self, parent: CollectionKey, ids: list[str], texts: list[str], encoded: list[bytes]
    ) -> Sequence[bytes | None] | None:
        """As calling it, for documents of different callers: one that cannot be is no hindrance.

        Args:
            parent: Their collection.
            ids: As in ``PlainDocuments``.
            texts: Likewise.
            encoded: Likewise.

        Returns:
            None in the places of those whose ids are taken. None instead of all where nothing is
            done.
        """
        images = await self(parent, PlainDocuments(ids, texts, encoded))
        if images is not None:
            return images
        given = [each for each in ids if each]
        # One that has expired is there as well, and gives way on another road.
        taken = await self._records.sizes(parent, given) if given else {}
        left = [at for at, record_id in enumerate(ids) if record_id not in taken]
        if not left or len(left) == len(ids):
            return None
        rest = PlainDocuments(
            [ids[at] for at in left], [texts[at] for at in left], [encoded[at] for at in left]
        )
        images = await self(parent, rest)
        if images is None:
            return None
        shown: list[bytes | None] = [None] * len(ids)
        for at, image in zip(left, images, strict=True):
            shown[at] = image
        return shown

    async def __call__(
        self, parent: CollectionKey, documents: PlainDocuments
    ) -> Sequence[bytes] | None:
        """The records as they are shown, in their order.

        Returns:
            None where nothing is done, since something about them has to be looked at more closely:
            each write by itself does that, and tells what is wrong with it.
        """
        shape = self._shapes.kept(parent)
        if shape is None or not shape.is_plain:
            return None
        created = self._created(shape, documents)
        if created is None:
            return None
        try:
            is_done = await self._records.create_plain(shape.collection, created)
        except (CollectionChangedError, NotFoundError):
            is_done = False
        if not is_done:
            return None
        try:
            self._signal.tell(parent, created.ids)
        except Exception as error:  # noqa: BLE001
            # They are there, and what is raised would be taken for nothing done: those whose ids
            # are made up would be created once more.
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"creations in {parent.name} are not told", "exception": error}
            )
        return created.images

    def _created(self, shape: CollectionShape, documents: PlainDocuments) -> PlainRecords | None:
        """The records; None where two have one id, or there is too much of them."""
        now_ns = self._clock()
        made_up = iter(self._secrets.ordered_ids(now_ns, documents.ids.count("")))
        ids = [each or next(made_up) for each in documents.ids]
        if len(set(ids)) != len(ids) or max(map(len, documents.encoded)) > MAX_ENCODED_BYTES:
            return None
        ttl_ns = shape.collection.default_ttl_ns
        expire_time_ns = None if ttl_ns is None else now_ns + ttl_ns
        prefix = shape.collection.key.record_prefix
        images = self._images.images(
            [f"{prefix}{record_id}" for record_id in ids],
            documents.encoded,
            etag=render_etag(now_ns, 1),
            time_ns=now_ns,
            expire_time_ns=expire_time_ns,
        )
        if sum(map(len, images)) > MAX_BATCH_BYTES:
            return None
        return PlainRecords(ids, documents.texts, images, now_ns, expire_time_ns)
