"""Creations of records that come at the same time."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from blrcs.application.ports.records import PlannedWrite
from blrcs.application.records.gathered_creations import Creation, GatheredCreations
from blrcs.domain.collection import Collection
from blrcs.domain.errors import OutcomeUnknownError
from blrcs.domain.record import Record

Write = Callable[[Collection, Sequence[PlannedWrite], int], Awaitable[Sequence[Record | None]]]
"""Carries out writes to records of a collection at some time, all or none."""


class _Planned(NamedTuple):
    """A creation, by the collection that was known when it was planned."""

    collection: Collection
    write: PlannedWrite
    now_ns: int


class RecordCreations:
    """Creates records of a collection together that are asked for while others are written.

    Each creation is still by itself: where one cannot be carried out, those that were to be with it
    are carried out without it.

    Args:
        write: Is given one creation or several, of different ids.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._gathered: GatheredCreations[Record | None] = GatheredCreations(self._carry_out)

    async def add(
        self, collection: Collection, write: PlannedWrite, created: Record, now_ns: int
    ) -> Record | None:
        """Creates a record, and returns and raises what writing it alone would.

        Raises:
            ResourceExhaustedError: Too many wait already.
        """
        planned = _Planned(collection, write, now_ns)
        return await self._gathered.add(
            collection.key, write.record_id, created.size_bytes, collection, planned
        )

    async def _carry_out(self, group: Sequence[Creation]) -> None:
        planned: list[_Planned] = [each.what for each in group]
        now_ns = max(each.now_ns for each in planned)
        try:
            written = await self._write(
                planned[0].collection, [each.write for each in planned], now_ns
            )
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            # What may have been written is not written again.
            if len(group) > 1 and not isinstance(error, OutcomeUnknownError):
                for each in group:
                    await self._carry_out([each])
                return
            for each in group:
                if not each.created.done():
                    each.created.set_exception(error)
        else:
            for each, record in zip(group, written, strict=True):
                if not each.created.done():
                    each.created.set_result(record)
