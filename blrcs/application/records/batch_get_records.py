"""Getting many records at once."""

from collections.abc import AsyncGenerator, Iterator, Sequence

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import RecordRepository, StoredSize
from blrcs.domain.errors import NotFoundError, ResourceExhaustedError
from blrcs.domain.record import RecordImage
from blrcs.domain.record_name import CollectionKey

DEFAULT_REPLY_BYTES = 4 << 20
NOTHING = StoredSize(0, 0)
FEW = 8
"""So many are read without being asked how large they are."""


class BatchGetRecords:
    """Gets records of one collection: by one query, unless they are too large for a reply together.

    Then they are refused before they are read; or read some at a time, where not all of them is to
    be shown.
    """

    def __init__(
        self,
        *,
        records: RecordRepository,
        clock: Clock,
        max_reply_bytes: int = DEFAULT_REPLY_BYTES,
    ) -> None:
        self._records = records
        self._clock = clock
        self.max_reply_bytes = max_reply_bytes

    async def __call__(
        self, parent: CollectionKey, record_ids: Sequence[str], *, whole: bool
    ) -> AsyncGenerator[RecordImage]:
        """The records in the order of the ids.

        Args:
            parent: Their collection.
            record_ids: Of some of its records; one may be there several times.
            whole: Whether all of them is to be shown.

        Raises:
            NotFoundError: One is missing; the first of those that are.
            ResourceExhaustedError: Whole they are too large.
        """
        for some in await self._pieces(parent, record_ids, whole=whole):
            found = {
                image.key.record: image
                for image in await self._records.get_many(
                    parent, list(dict.fromkeys(some)), now_ns=self._clock()
                )
            }
            for record_id in some:
                if record_id not in found:
                    raise NotFoundError(parent.record(record_id).name)
                yield found[record_id]

    async def _pieces(
        self, parent: CollectionKey, record_ids: Sequence[str], *, whole: bool
    ) -> Sequence[Sequence[str]]:
        if len(record_ids) <= FEW:
            return [record_ids]
        sizes = await self._records.sizes(parent, list(dict.fromkeys(record_ids)))
        listed = [sizes.get(record_id, NOTHING) for record_id in record_ids]
        if whole and sum(size.shown for size in listed) > self.max_reply_bytes:
            raise self.too_large()
        return list(_fitting(record_ids, listed, self.max_reply_bytes))

    def too_large(self) -> ResourceExhaustedError:
        """They cannot be shown in one reply."""
        return ResourceExhaustedError(
            "BATCH_TOO_LARGE",
            f"the records have more than {self.max_reply_bytes} bytes: ask for fewer at once",
        )


def _fitting(
    record_ids: Sequence[str], sizes: Sequence[StoredSize], most_bytes: int
) -> Iterator[Sequence[str]]:
    """Them in their order, in pieces; one that is larger than a piece is one by itself."""
    piece: list[str] = []
    piece_bytes = 0
    for record_id, size in zip(record_ids, sizes, strict=True):
        piece_bytes += size.read
        if piece and piece_bytes > most_bytes:
            yield piece
            piece, piece_bytes = [], size.read
        piece.append(record_id)
    yield piece
