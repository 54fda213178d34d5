"""Encryption of single fields, as use cases see it."""

from typing import Protocol

from blrcs.domain.collection import Collection
from blrcs.domain.record_name import CollectionKey, RecordKey


class FieldKeys(Protocol):
    """Seals values of a collection, each for one place: moved elsewhere, it cannot be opened.

    Threads may share it. Methods raise FailedPreconditionError where there are no keys to do it
    with.
    """

    def seal(self, record: RecordKey, path: str, value: bytes) -> bytes:
        """The value, encrypted and bound to its place."""
        ...

    def open(self, record: RecordKey, path: str, sealed: bytes) -> bytes:
        """The value; FailedPreconditionError where it was altered, or sealed elsewhere."""
        ...

    def tag(self, path: str, value: bytes) -> str:
        """What equal values at a path have in common, and no others; it tells nothing of them."""
        ...


class CollectionKeys(Protocol):
    """The keys of collections, which are kept wrapped.

    Methods raise FailedPreconditionError where the server's master key is missing or another one,
    or where the tenant's keys were destroyed; then nothing has been done.
    """

    async def prepare(self, key: CollectionKey) -> None:
        """Sees to it that a collection has keys; the first time the master key is made."""
        ...

    async def of(self, collection: Collection) -> FieldKeys:
        """The keys that are in force."""
        ...


class TenantShredder(Protocol):
    """Destroys keys."""

    async def shred(self, tenant: str, *, even_without_keys: bool) -> int | None:
        """Destroys all keys of a tenant, for ever, and returns how many there were.

        None where it never had one; it does not get any then if ``even_without_keys`` is set.
        """
        ...
