"""Getting a collection."""

from blrcs.application.ports.records import CollectionRepository
from blrcs.domain.collection import Collection
from blrcs.domain.errors import NotFoundError
from blrcs.domain.record_name import CollectionKey


class GetCollection:
    """Gets a collection by the ids in its name."""

    def __init__(self, *, collections: CollectionRepository) -> None:
        self._collections = collections

    async def __call__(self, key: CollectionKey) -> Collection:
        """The collection; NotFoundError if there is none."""
        collection = await self._collections.get(key)
        if collection is None:
            raise NotFoundError(key.name)
        return collection
