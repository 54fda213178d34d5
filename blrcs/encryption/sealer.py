"""Seals what the server itself has to keep secret in its database, such as the seeds of TOTP."""

from collections.abc import Sequence

from blrcs.database.repositories.key_use import SERVER
from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.place import place


class Sealer:
    """Seals small values under keys of the server's own, each for one context.

    A context is names that say what the value is and whose, such as ``("totp", user_id)``: with
    another one it cannot be opened, so that no value can be moved to another row. Names may be of
    any characters. What is sealed has 53 bytes more than the value; to be kept in a ``BYTES``
    column. Values that were sealed before a rotation of keys are opened still.

    Both methods raise FailedPreconditionError where the master key is missing or another one
    (ENCRYPTION_KEY_UNUSABLE); nothing has been done then. Belongs to the event loop.

    Args:
        keys: Where its keys come from.
        name: Of the user of this object, such as ``credentials``; each has keys of its own.
    """

    def __init__(self, keys: DataKeys, name: str) -> None:
        self._keys = keys
        self._scope = CollectionKey(SERVER, name)

    async def seal(self, context: Sequence[str], value: bytes) -> bytes:
        """The value, encrypted."""
        ring = await self._keys.known_ring(self._scope)
        return ring.seal_in(place(*context), value)

    async def open(self, context: Sequence[str], sealed: bytes) -> bytes:
        """The value.

        Raises:
            FailedPreconditionError: It was altered, or sealed in another context.
        """
        where = place(*context)
        ring = await self._keys.known_ring(self._scope)
        try:
            return ring.open_in(where, sealed)
        except FailedPreconditionError as error:
            if error.reason != "ENCRYPTION_KEY_WRONG":
                raise
        # Maybe by a key that another process has made since.
        ring = await self._keys.known_ring(self._scope, anew=True)
        return ring.open_in(where, sealed)
