"""Collections, as whoever reads or writes their records needs them."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from blrcs.application.ports.records import (
    CollectionRepository,
    DocumentSchema,
    DocumentSchemas,
)
from blrcs.domain.collection import Collection
from blrcs.domain.errors import NotFoundError
from blrcs.domain.field_path import Path, parse_path
from blrcs.domain.record_name import CollectionKey

MAX_KEPT = 1024


class SealedField(NamedTuple):
    """A path whose values are encrypted, and maybe never shown."""

    text: str
    path: Path
    is_secret: bool


@dataclass(frozen=True, slots=True)
class CollectionShape:
    """A collection, its schema compiled and its paths taken apart."""

    collection: Collection
    schema: DocumentSchema | None
    sealed: tuple[SealedField, ...]

    @property
    def secret_paths(self) -> list[Path]:
        """Where secrets lie."""
        return [field.path for field in self.sealed if field.is_secret]


class CollectionShapes:
    """Makes the shape of a collection once for each of its revisions, and keeps a bounded number.

    Belongs to the event loop.
    """

    def __init__(self, *, collections: CollectionRepository, schemas: DocumentSchemas) -> None:
        self._collections = collections
        self._schemas = schemas
        self._kept: OrderedDict[CollectionKey, CollectionShape] = OrderedDict()

    async def get(self, key: CollectionKey) -> CollectionShape:
        """The shape of what is stored; NotFoundError if there is no such collection."""
        collection = await self._collections.get(key)
        if collection is None:
            self.forget(key)
            raise NotFoundError(key.name)
        kept = self._kept.get(key)
        if kept is None or kept.collection != collection:
            kept = self._kept[key] = self._shape(collection)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return kept

    async def known(self, key: CollectionKey) -> CollectionShape:
        """The shape that was known last, for a use that finds out by itself if it is an old one."""
        return self._kept.get(key) or await self.get(key)

    def forget(self, key: CollectionKey) -> None:
        """It was an old one."""
        self._kept.pop(key, None)

    def _shape(self, collection: Collection) -> CollectionShape:
        text = collection.json_schema
        return CollectionShape(
            collection,
            self._schemas.compile(text) if text else None,
            tuple(
                SealedField(field, parse_path(field, field="collection"), is_secret)
                for fields, is_secret in (
                    (collection.encrypted_fields, False),
                    (collection.secret_fields, True),
                )
                for field in fields
            ),
        )
