"""Collections, as whoever reads or writes their records needs them."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from blrcs.application.ports.encryption import CollectionKeys, FieldKeys
from blrcs.application.ports.records import (
    CollectionRepository,
    DocumentSchema,
    DocumentSchemas,
)
from blrcs.domain.collection import Collection
from blrcs.domain.errors import FailedPreconditionError, NotFoundError
from blrcs.domain.field_path import Path, parse_path
from blrcs.domain.record_name import CollectionKey, RecordKey

MAX_KEPT = 1024


class SealedField(NamedTuple):
    """A path whose values are encrypted; maybe never shown, or to be found by equality."""

    text: str
    path: Path
    is_secret: bool
    is_indexed: bool


@dataclass(frozen=True, slots=True)
class CollectionShape:
    """A collection, its schema compiled, its paths taken apart, and its keys."""

    collection: Collection
    schema: DocumentSchema | None
    sealed: tuple[SealedField, ...]
    keys: FieldKeys

    @property
    def is_plain(self) -> bool:
        """Whether it asks nothing of data but to be documents."""
        return self.schema is None and not self.sealed and not self.collection.maintained

    @property
    def lacks_keys(self) -> bool:
        """Whether it needs keys that could not be had."""
        return self.keys is not NO_KEYS and isinstance(self.keys, NoKeys)

    @property
    def secret_paths(self) -> list[Path]:
        """Where secrets lie."""
        return [field.path for field in self.sealed if field.is_secret]


class CollectionShapes:
    """Makes the shape of a collection once for each of its revisions, and keeps a bounded number.

    Belongs to the event loop.
    """

    def __init__(
        self,
        *,
        collections: CollectionRepository,
        schemas: DocumentSchemas,
        keys: CollectionKeys,
    ) -> None:
        self._collections = collections
        self._schemas = schemas
        self._keys = keys
        self._kept: OrderedDict[CollectionKey, CollectionShape] = OrderedDict()

    async def get(self, key: CollectionKey) -> CollectionShape:
        """The shape of what is stored; NotFoundError if there is no such collection."""
        collection = await self._collections.get(key)
        if collection is None:
            self._kept.pop(key, None)
            raise NotFoundError(key.name)
        shape = self._of(collection)
        if shape is None or shape.lacks_keys:
            made = await self._shape(collection)
            # Others may have put one there, or forgotten it, meanwhile.
            shape = self._of(collection)
            if shape is None or (shape.lacks_keys and not made.lacks_keys):
                shape = self._kept[key] = made
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return shape

    async def known(self, key: CollectionKey) -> CollectionShape:
        """The shape that was known last, for a use that finds out by itself if it is an old one."""
        return self._kept.get(key) or await self.get(key)

    def kept(self, key: CollectionKey) -> CollectionShape | None:
        """As ``known``, without asking for one that is not."""
        return self._kept.get(key)

    def forget(self, shape: CollectionShape) -> None:
        """It was an old one. What has taken its place already stays."""
        key = shape.collection.key
        if self._kept.get(key) is shape:
            del self._kept[key]

    def forget_all(self) -> None:
        """Keys have changed."""
        self._kept.clear()

    def _of(self, collection: Collection) -> CollectionShape | None:
        """The one that is kept, if it is of this very collection."""
        kept = self._kept.get(collection.key)
        return kept if kept is not None and kept.collection == collection else None

    async def _shape(self, collection: Collection) -> CollectionShape:
        text = collection.json_schema
        return CollectionShape(
            collection,
            self._schemas.stored(text) if text else None,
            tuple(
                SealedField(
                    field,
                    parse_path(field, field="collection"),
                    is_secret,
                    field in collection.indexes,
                )
                for fields, is_secret in (
                    (collection.encrypted_fields, False),
                    (collection.secret_fields, True),
                )
                for field in fields
            ),
            await self._keys_of(collection),
        )

    async def _keys_of(self, collection: Collection) -> FieldKeys:
        if not collection.sealed_fields:
            return NO_KEYS
        try:
            return await self._keys.of(collection)
        except FailedPreconditionError as error:
            return NoKeys(error)


class NoKeys:
    """Where a collection's keys cannot be had: what needs them fails, and nothing else does."""

    def __init__(self, error: FailedPreconditionError) -> None:
        self._error = error

    def seal(self, record: RecordKey, path: str, value: bytes) -> bytes:
        """See FieldKeys."""
        del record, path, value
        raise self._again()

    def open(self, record: RecordKey, path: str, sealed: bytes) -> bytes:
        """See FieldKeys."""
        del record, path, sealed
        raise self._again()

    def tag(self, path: str, value: bytes) -> str:
        """See FieldKeys."""
        del path, value
        raise self._again()

    def _again(self) -> FailedPreconditionError:
        return FailedPreconditionError(self._error.reason, self._error.message)


NO_KEYS = NoKeys(FailedPreconditionError("NO_ENCRYPTED_FIELDS", "nothing is encrypted here"))
"""Of collections that need none."""
