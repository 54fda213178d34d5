"""Deleting a collection."""

from blrcs.application.ports.clock import Clock
from blrcs.application.ports.records import ChangeSignal, CollectionRepository
from blrcs.domain.record_name import CollectionKey


class DeleteCollection:
    """Deletes a collection, and where it is asked for its records too. Watches of it end."""

    def __init__(
        self, *, collections: CollectionRepository, signal: ChangeSignal, clock: Clock
    ) -> None:
        self._collections = collections
        self._signal = signal
        self._clock = clock

    async def __call__(self, key: CollectionKey, *, etag: str, force: bool) -> None:
        """Deletes it.

        Raises:
            NotFoundError: There is no such collection.
            AbortedError: ``etag`` is not empty and not the stored one.
            FailedPreconditionError: It has records, and ``force`` is not set.
        """
        await self._collections.delete(key, etag=etag, force=force, now_ns=self._clock())
        self._signal.tell(key)
