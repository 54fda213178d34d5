"""What shall become of a record by what its caller asks."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from blrcs.application.collections.collection_shapes import CollectionShape
from blrcs.application.ports.records import PlannedWrite, RecordImages
from blrcs.application.records.record_fields import RecordFields, RecordMask
from blrcs.application.records.record_sealer import RecordSealer
from blrcs.domain.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError
from blrcs.domain.etag import render_etag, require_etag
from blrcs.domain.field_path import MISSING, Document, Path, value_at, with_value, without
from blrcs.domain.filter.document import check_document
from blrcs.domain.record import Record
from blrcs.domain.record_name import RecordKey
from blrcs.domain.text_document import TextDocument

MAX_ENCODED_BYTES = 1 << 20


class RecordPlanner:
    """Plans writes to the records of a collection of a given shape, at a given time."""

    def __init__(
        self, *, images: RecordImages, sealer: RecordSealer, shape: CollectionShape, now_ns: int
    ) -> None:
        self._images = images
        self._sealer = sealer
        self._shape = shape
        self._now_ns = now_ns
        self._collection = shape.collection.key
        self._prefix = self._collection.record_prefix
        self._default_ttl_ns = shape.collection.default_ttl_ns
        self._first_etag = render_etag(now_ns, 1)

    def creation(self, record_id: str, fields: RecordFields) -> PlannedWrite:
        """A record that is not there yet.

        Raises:
            InvalidArgumentError: The data do not meet the schema, or are too large.
        """
        # Whatever may be wrong with it is found before anybody has to wait for it.
        record = self._new(self._key(record_id), fields)
        return PlannedWrite(record_id, partial(_create, record), record)

    def update(
        self,
        record_id: str,
        fields: RecordFields,
        *,
        mask: RecordMask,
        etag: str,
        allow_missing: bool,
    ) -> PlannedWrite:
        """A record that is changed, or is made where it is missing and may be."""
        key = self._key(record_id)

        def decide(stored: Record | None) -> Record:
            if stored is None:
                # One that is asked for by its etag is not merely missing.
                if not allow_missing or etag:
                    raise NotFoundError(key.name)
                return self._new(key, fields)
            require_etag(stored.name, stored=stored.etag, given=etag)
            return self._changed(stored, fields, mask)

        return PlannedWrite(record_id, decide)

    def deletion(self, record_id: str, *, etag: str, allow_missing: bool) -> PlannedWrite:
        """A record that shall be no more."""
        key = self._key(record_id)

        def decide(stored: Record | None) -> None:
            if stored is None:
                if not allow_missing:
                    raise NotFoundError(key.name)
                return
            require_etag(stored.name, stored=stored.etag, given=etag)

        return PlannedWrite(record_id, decide)

    def _key(self, record_id: str) -> RecordKey:
        return self._collection.record(record_id)

    def _new(self, key: RecordKey, fields: RecordFields) -> Record:
        expire_time_ns = fields.expire_time_ns
        ttl_ns = fields.ttl_ns
        if expire_time_ns is None and ttl_ns is None:
            ttl_ns = self._default_ttl_ns
        if ttl_ns is not None:
            expire_time_ns = self._now_ns + ttl_ns
        times = _Times(self._now_ns, self._now_ns, 1, expire_time_ns)
        return self._written(key, times, _given(fields), fields.encoded)

    def _changed(self, stored: Record, fields: RecordFields, mask: RecordMask) -> Record:
        changes_expiry = fields.states_expiry if mask.expiry is None else mask.expiry
        expire_time_ns = fields.expiry_ns(self._now_ns) if changes_expiry else stored.expire_time_ns
        # Who wrote before may have looked at a clock that is ahead, or waited for less.
        now_ns = max(self._now_ns, stored.update_time_ns + 1)
        times = _Times(stored.create_time_ns, now_ns, stored.revision + 1, expire_time_ns)
        if mask.whole:
            given = _given(fields)
            data = self._keep_secrets(stored, given, ())
            encoded = fields.encoded if data is given else None
            return self._written(stored.key, times, data, encoded)
        data = self._sealer.whole(self._shape, stored)
        for path in mask.paths:
            value = value_at(fields.data or {}, path)
            if value is MISSING:
                data = without(data, path)
            else:
                data = with_value(self._with_room(data, path), path, value)
            if isinstance(value, Mapping):
                data = self._keep_secrets(stored, data, path)
        return self._written(stored.key, times, data, None)

    def _with_room(self, data: Document, path: Path) -> Document:
        """The data without what is no object in a secret, where a path leads into that.

        So the answer is the same, whatever the secret is, and whether there is one.
        """
        for secret in self._shape.secret_paths:
            if path[: len(secret)] == secret:
                for end in range(len(secret), len(path)):
                    value = value_at(data, path[:end])
                    if value is not MISSING and not isinstance(value, Mapping):
                        return without(data, path[:end])
        return data

    def _keep_secrets(self, stored: Record, data: Document, within: Path) -> Document:
        """The data with those secrets that an object at a path was written without.

        Who writes back what was read has not seen them, and does not mean to drop them. One goes
        with the object that it lies in, where that is not written, or something else in its place:
        were it kept, or the write refused, who may not see it would be told that it is there.
        """
        for path, secret in self._sealer.secrets(self._shape, stored).items():
            lies_within = len(path) > len(within) and path[: len(within)] == within
            around = value_at(data, path[:-1])
            if lies_within and isinstance(around, Mapping) and path[-1] not in around:
                data = with_value(data, path, secret)
        return data

    def _written(
        self, key: RecordKey, times: "_Times", data: Document, encoded: bytes | None
    ) -> Record:
        # What is kept as its text has been looked at.
        if type(data) is not TextDocument:
            check_document(data)
        if self._shape.schema is not None:
            self._shape.schema.check(data, field="record.data", secrets=self._shape.secret_paths)
        encoded = self._images.encode(data) if encoded is None else encoded
        # With what is to be sealed, as readers are shown it.
        if len(encoded) > MAX_ENCODED_BYTES:
            raise InvalidArgumentError("record.data", f"has more than {MAX_ENCODED_BYTES} bytes")
        sealed = None
        if self._shape.sealed:
            parts = self._sealer.seal(self._shape, key, data)
            data, sealed = parts.kept, parts.sealed
            encoded = self._images.encode(parts.shown)
        create_time_ns, update_time_ns, revision, expire_time_ns = times
        image = self._images.image(
            f"{self._prefix}{key.record}",
            encoded,
            etag=self._first_etag if revision == 1 else render_etag(create_time_ns, revision),
            create_time_ns=create_time_ns,
            update_time_ns=update_time_ns,
            expire_time_ns=expire_time_ns,
        )
        return Record(
            key=key,
            data=data,
            sealed=sealed,
            encoded=image,
            create_time_ns=create_time_ns,
            update_time_ns=update_time_ns,
            revision=revision,
            expire_time_ns=expire_time_ns,
        )


def _create(record: Record, stored: Record | None) -> Record:
    if stored is not None:
        raise AlreadyExistsError(stored.name)
    return record


class _Times(NamedTuple):
    """When a record was made and changed, how often it was since, and when it is gone."""

    create_time_ns: int
    update_time_ns: int
    revision: int
    expire_time_ns: int | None


def _given(fields: RecordFields) -> Document:
    if fields.data is None:
        raise InvalidArgumentError("record.data", "is required")
    return fields.data
