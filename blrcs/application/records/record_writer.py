"""Writing to the records of a collection."""

import asyncio
import random
from collections.abc import Callable, Sequence

from blrcs.application.collections.collection_shapes import CollectionShapes
from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import (
    ChangeSignal,
    CollectionChangedError,
    PlannedWrite,
    RecordImages,
    RecordRepository,
)
from blrcs.application.records.record_planner import RecordPlanner
from blrcs.application.records.record_sealer import RecordSealer
from blrcs.domain.deadline import remaining_s
from blrcs.domain.errors import AbortedError, DomainError, OutcomeUnknownError
from blrcs.domain.record import Record
from blrcs.domain.record_name import CollectionKey

ATTEMPTS = 16
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.5

Plan = Callable[[RecordPlanner], Sequence[PlannedWrite]]


class RecordWriter:
    """Plans writes by the collection as it is known, and again where it has changed meanwhile.

    So a write looks at the collection only where it is carried out, and always goes by the one that
    is in force.
    """

    def __init__(
        self,
        *,
        shapes: CollectionShapes,
        records: RecordRepository,
        images: RecordImages,
        sealer: RecordSealer,
        signal: ChangeSignal,
        clock: Clock,
    ) -> None:
        self._shapes = shapes
        self._records = records
        self._images = images
        self._sealer = sealer
        self._signal = signal
        self._clock = clock

    async def __call__(self, parent: CollectionKey, plan: Plan) -> Sequence[Record | None]:
        """Carries out what is planned, all or none, and returns what the records are after it.

        Raises:
            NotFoundError: There is no such collection.
            AbortedError: The collection was changed again and again, as long as the caller waits or
                for ATTEMPTS (``COLLECTION_CHANGED``).
            OutcomeUnknownError: The writes may have been carried out.
            DomainError: What the plan, or a write of it, raises.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                await _pause(parent, attempt)
            shape = await self._shapes.known(parent)
            now_ns = self._clock()
            planner = RecordPlanner(
                images=self._images, sealer=self._sealer, shape=shape, now_ns=now_ns
            )
            try:
                writes = plan(planner)
                written = await self._records.write(shape.collection, writes, now_ns=now_ns)
            except CollectionChangedError:
                self._shapes.forget(shape)
                continue
            except OutcomeUnknownError:
                raise  # once more could be twice
            except DomainError:
                # Unless it was judged by a collection that is in force no more.
                if await self._shapes.get(parent) is shape:
                    raise
                continue
            self._signal.tell(parent, [write.record_id for write in writes])
            return written
        raise _changed(parent)

    async def one(
        self, parent: CollectionKey, plan: Callable[[RecordPlanner], PlannedWrite]
    ) -> Record:
        """As above, of one write that leaves a record."""
        (record,) = await self(parent, lambda planner: [plan(planner)])
        if record is None:
            raise TypeError("the write leaves no record")
        return record


async def _pause(parent: CollectionKey, attempt: int) -> None:
    """Lets those who change the collection come to an end (full jitter; none before the second).

    Raises:
        AbortedError: The caller does not wait for so long.
    """
    longest_s = min(FIRST_PAUSE_S * (2**attempt - 2), LONGEST_PAUSE_S)
    pause_s = random.uniform(0, longest_s)  # noqa: S311 - no secret
    left_s = remaining_s()
    if left_s is not None and left_s <= pause_s:
        raise _changed(parent)
    await asyncio.sleep(pause_s)


def _changed(parent: CollectionKey) -> AbortedError:
    return AbortedError(parent.name, reason="COLLECTION_CHANGED")
