"""The keys of a collection, unwrapped."""

import hmac
from collections.abc import Iterable, Mapping

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey, RecordKey
from blrcs.domain.sealed_value import OLD_VERSION, key_id_in
from blrcs.encryption.data_key import (
    HEAD_BYTES,
    MAX_SALTS,
    NOT_OPENED,
    DataKey,
    altered,
    expand,
)
from blrcs.encryption.place import place
from blrcs_native.field_seal import FieldSeal

TAG_BYTES = 16
"""So long that two values have the same tag never: a filter by tags finds no others."""


class KeyRing:
    """Implements the FieldKeys port. Threads may share it.

    Args:
        scope: Whose keys these are.
        active: What seals.
        all_keys: What opens, the active one too.
        index_key: What blind indexes are made with, where there are some.
    """

    def __init__(
        self,
        scope: CollectionKey,
        active: DataKey,
        all_keys: Iterable[DataKey],
        index_key: bytes | None = None,
    ) -> None:
        self.scope = scope
        self.active = active
        self._keys: Mapping[bytes, DataKey] = {key.id: key for key in (active, *all_keys)}
        self._index_key = index_key
        self._opening: dict[bytes, FieldSeal] = {}
        self._prefixes: dict[str, bytes] = {}
        self._tag_keys: dict[str, bytes] = {}

    def seal(self, record: RecordKey, path: str, value: bytes) -> bytes:
        """See the port."""
        prefix = self._prefixes.get(path) or self._prefix(path)
        # Nearly always there is a salt that may be used again.
        sealed = self.active.sealing.seal(prefix, record[2], value)
        return sealed or self.active.seal(prefix, value, record[2])

    def open(self, record: RecordKey, path: str, sealed: bytes) -> bytes:
        """See the port."""
        prefix = self._prefixes.get(path) or self._prefix(path)
        found = self._opening.get(sealed[:HEAD_BYTES])
        if found is None:
            key = self._key_of(sealed)
            if sealed[:1] == OLD_VERSION:
                return key.open(prefix, sealed, record[2], old_place=place(*record, path))
            found = self._opener(key, sealed)
        try:
            return found.open(prefix, record[2], sealed)
        except NOT_OPENED:
            raise altered() from None

    def tag(self, path: str, value: bytes) -> str:
        """See the port."""
        key = self._tag_keys.get(path)
        if key is None:
            if self._index_key is None:
                raise TypeError("the collection has no blind index")
            key = expand(self._index_key, b"blrcs blind index\0" + place(*self.scope, path))
            self._tag_keys[path] = key
        return hmac.digest(key, value, "sha256")[:TAG_BYTES].hex()

    def seal_in(self, context: bytes, value: bytes) -> bytes:
        """A value that belongs to no record, bound to a context."""
        return self.active.seal(b"value\0" + context, value)

    def open_in(self, context: bytes, sealed: bytes) -> bytes:
        """What ``seal_in`` sealed in that context; FailedPreconditionError otherwise."""
        return self._key_of(sealed).open(b"value\0" + context, sealed)

    def is_sealed_by_active(self, sealed: bytes) -> bool:
        """Whether a value needs no other key."""
        return key_id_in(sealed) == self.active.id and sealed[:1] != OLD_VERSION

    def _opener(self, key: DataKey, sealed: bytes) -> FieldSeal:
        if len(self._opening) >= MAX_SALTS:
            self._opening = {}
        found = self._opening[sealed[:HEAD_BYTES]] = key.opener(sealed)
        return found

    def _key_of(self, sealed: bytes) -> DataKey:
        key = self._keys.get(key_id_in(sealed))
        if key is None:
            raise FailedPreconditionError(
                "ENCRYPTION_KEY_WRONG", "what is encrypted cannot be opened with the server's key"
            )
        return key

    def _prefix(self, path: str) -> bytes:
        # The record's id, which has no length of its own, ends it.
        prefix = self._prefixes[path] = b"field\0" + place(*self.scope, path)
        return prefix
