"""What is encrypted of a record: taken out before it is stored, and put back when it is shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from blrcs.application.collections.collection_shapes import (
    CollectionShape,
    CollectionShapes,
    SealedField,
)
from blrcs.domain.errors import FailedPreconditionError, InvalidArgumentError
from blrcs.domain.field_path import (
    MISSING,
    Document,
    Json,
    Path,
    has_list_before,
    value_at,
    with_value,
    without,
)
from blrcs.domain.record import Record, RecordImage, Sealed
from blrcs.domain.record_name import RecordKey

Opened = Mapping[Path, Json]
"""Values that were sealed, by their paths."""


@dataclass(frozen=True, slots=True)
class SealedData:
    """The data of a record, taken apart.

    Attributes:
        shown: Without what is sealed.
        kept: That, with tags where values are sealed that are to be found.
        sealed: Those values, encrypted.
    """

    shown: Document
    kept: Document
    sealed: Sealed | None


def tag_of(shape: CollectionShape, field: SealedField, value: object) -> str | None:
    """What strings, and numbers, that are equal have in common; None for other values."""
    if isinstance(value, str):
        return shape.keys.tag(field.text, b"s" + value.encode(errors="surrogatepass"))
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Zero has one tag, whatever its sign.
        return shape.keys.tag(field.text, b"n" + repr(float(value) + 0.0).encode())
    return None


class RecordSealer:
    """Seals and opens the fields that a collection says are to be encrypted.

    Methods raise FailedPreconditionError where the server has not the key.
    """

    def __init__(self, *, shapes: CollectionShapes) -> None:
        self._shapes = shapes

    async def shown(self, image: RecordImage) -> Opened:
        """What is to be shown of what is sealed: all but secrets."""
        if not image.sealed:
            return {}
        shape = await self._shapes.known(image.key.parent)
        try:
            if image.sealed.keys() <= {field.text for field in shape.sealed}:
                return self._open(shape, image.key, image.sealed, secrets=False)
        except FailedPreconditionError:
            # Unless the collection is another one than was known.
            if await self._shapes.get(image.key.parent) is shape:
                raise
        shape = await self._shapes.get(image.key.parent)
        return self._open(shape, image.key, image.sealed, secrets=False)

    def whole(self, shape: CollectionShape, record: Record) -> Document:
        """The data of a record with all that is sealed of them."""
        data = record.data
        if record.sealed:
            opened = self._open(shape, record.key, record.sealed, secrets=True)
            for path, value in opened.items():
                data = with_value(data, path, value)
        return data

    def secrets(self, shape: CollectionShape, record: Record) -> Opened:
        """The secrets of a record."""
        paths = shape.secret_paths
        opened = self._open(shape, record.key, record.sealed or {}, secrets=True)
        return {path: value for path, value in opened.items() if path in paths}

    def seal(self, shape: CollectionShape, key: RecordKey, data: Document) -> SealedData:
        """The data taken apart.

        Raises:
            InvalidArgumentError: A list lies before what is to be sealed. A path leads through
                objects alone, so that the like of it in there would be stored in the clear.
        """
        sealed: dict[str, bytes] = {}
        tags: dict[Path, str] = {}
        for field in shape.sealed:
            if has_list_before(data, field.path):
                raise InvalidArgumentError(
                    "record.data", f"has a list before {field.text}, which is to be encrypted"
                )
            value = value_at(data, field.path)
            if value is not MISSING:
                text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                sealed[field.text] = shape.keys.seal(key, field.text, text.encode())
                data = without(data, field.path)
                tag = tag_of(shape, field, value) if field.is_indexed else None
                if tag is not None:
                    tags[field.path] = tag
        kept = data
        for path, tag in tags.items():
            kept = with_value(kept, path, tag)
        return SealedData(shown=data, kept=kept, sealed=sealed or None)

    def _open(
        self, shape: CollectionShape, key: RecordKey, sealed: Sealed, *, secrets: bool
    ) -> dict[Path, Json]:
        return {
            field.path: json.loads(shape.keys.open(key, field.text, sealed[field.text]))
            for field in shape.sealed
            if field.text in sealed and (secrets or not field.is_secret)
        }
