"""Creating a record that is nothing but a document, with others that come at the same time."""

from collections.abc import Sequence
from contextlib import suppress

from blrcs.application.records.create_plain_records import CreatePlainRecords
from blrcs.application.records.gathered_creations import Creation, GatheredCreations
from blrcs.domain.errors import OutcomeUnknownError
from blrcs.domain.record_name import CollectionKey


class PlainCreations:
    """Creates records together whose collection asks nothing of its data but to be documents.

    Attributes:
        suits: Whether a collection is one of these, as far as that is known.
        learn: The same, of what the database says.

    Args:
        create: Creates many at once.
    """

    def __init__(self, create: CreatePlainRecords) -> None:
        self._create = create
        self.suits = create.suits
        self.learn = create.learn
        self._gathered: GatheredCreations[bytes | None] = GatheredCreations(self._carry_out)

    async def __call__(
        self, parent: CollectionKey, record_id: str, text: str, encoded: bytes
    ) -> bytes | None:
        """The record as it is shown.

        Args:
            parent: Its collection.
            record_id: Its id; an empty one is made up.
            text: The document, as it is stored.
            encoded: The same, as presentation encodes it.

        Returns:
            None where nothing is done, since something about it has to be looked at more closely.

        Raises:
            ResourceExhaustedError: Too many wait already.
        """
        return await self._gathered.add(
            parent, record_id, len(encoded), None, (parent, text, encoded)
        )

    async def _carry_out(self, group: Sequence[Creation]) -> None:
        parents, texts, encoded = zip(*[each.what for each in group], strict=True)
        ids = [each.record_id for each in group]
        images: Sequence[bytes | None] | None = None
        # Whatever it is, each finds out for itself, and is told so; but not if it may be written.
        with suppress(Exception):
            try:
                images = await self._create.all_but_taken(
                    parents[0], ids, list(texts), list(encoded)
                )
            except OutcomeUnknownError as error:
                for each in group:
                    if not each.created.done():
                        each.created.set_exception(error)
                return
        for each, image in zip(group, images or [None] * len(group), strict=True):
            if not each.created.done():
                each.created.set_result(image)
