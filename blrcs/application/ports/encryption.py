"""Encryption of single fields, as use cases see it."""

from typing import Protocol

from blrcs.domain.record_name import CollectionKey, RecordKey


class FieldCipher(Protocol):
    """Seals values, each for one place: moved anywhere else, it cannot be opened.

    A collection has a data key of its own, which is kept wrapped by the server's key.

    Methods raise FailedPreconditionError where the server's key is missing or another one; then
    nothing has been done.
    """

    async def prepare(self) -> None:
        """Sees to it that there is a key of the server; the first time it is made."""
        ...

    def new_data_key(self, collection: CollectionKey) -> bytes:
        """A new data key, wrapped."""
        ...

    def seal(self, data_key: bytes, record: RecordKey, path: str, value: bytes) -> bytes:
        """The value, encrypted and bound to its place."""
        ...

    def open(self, data_key: bytes, record: RecordKey, path: str, sealed: bytes) -> bytes:
        """The value; FailedPreconditionError where it was altered, or sealed elsewhere."""
        ...
