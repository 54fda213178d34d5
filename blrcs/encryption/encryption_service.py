"""Encryption for services: values that they keep wherever they want."""

import re
from collections.abc import Sequence

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.data_keys import DataKeys
from blrcs.encryption.key_ring import KeyRing
from blrcs.encryption.place import place

SERVICES = ".services"
"""In the place of a collection: no collection has such an id."""
TENANT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class EncryptionService:
    """Encrypts values of tenants, under keys that are the tenant's.

    They are wrapped, rotated and destroyed with those of the tenant's encrypted fields. A context
    is names that say what a value is and where it belongs, such as ``("patients", patient_id,
    "insurance")``: with another one it cannot be opened, so that no value can be moved to another
    row.

    A tenant is given by the id in ``tenants/{id}``; ValueError where it is none. Methods raise
    FailedPreconditionError where the master key is missing (ENCRYPTION_KEY_UNUSABLE), or the
    tenant's keys were destroyed (ENCRYPTION_KEYS_DESTROYED). Belongs to the event loop.
    """

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    async def encrypt(self, tenant: str, context: Sequence[str], plaintext: bytes) -> bytes:
        """The value, encrypted: 53 bytes more, and each time others."""
        return (await self._ring(tenant)).seal_in(place(*context), plaintext)

    async def decrypt(self, tenant: str, context: Sequence[str], encrypted: bytes) -> bytes:
        """What was encrypted, also before keys were rotated.

        Raises:
            FailedPreconditionError: It was altered, or is another tenant's or context's.
        """
        where = place(*context)
        try:
            return (await self._ring(tenant)).open_in(where, encrypted)
        except FailedPreconditionError as error:
            if error.reason != "ENCRYPTION_KEY_WRONG":
                raise
        # Maybe by a key that another process has made since.
        return (await self._ring(tenant, anew=True)).open_in(where, encrypted)

    async def blind_index(self, tenant: str, context: Sequence[str], value: bytes) -> str:
        """What equal values of a tenant in a context have in common: 32 hexadecimal digits.

        Kept beside what is encrypted it finds it by equality, and tells nothing else of it; the
        context here has no id in it, such as ``("patients", "insurance")``. It stays the same when
        keys are rotated. Who can read the store sees which values are equal, and who can have
        values written can so find out others: it is for values of which there are many.
        """
        return (await self._ring(tenant)).tag(place(*context).hex(), value)

    async def _ring(self, tenant: str, *, anew: bool = False) -> KeyRing:
        if not TENANT_ID.fullmatch(tenant):
            raise ValueError(f"{tenant!r} is no id of a tenant")
        scope = CollectionKey(tenant, SERVICES)
        return await self._keys.known_ring(scope, indexed=True, anew=anew)
