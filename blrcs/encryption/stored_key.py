"""Data keys as they are stored: wrapped."""

import enum
from dataclasses import dataclass

from blrcs.domain.record_name import CollectionKey
from blrcs.encryption.place import place

TENANT_WIDE = ""
"""In the place of a collection: the tenant's own key, which wraps those of its collections."""

CREDENTIALS = "credentials"
"""In the place of a collection, of the server itself: what seals the secrets of authenticators."""
SIGNING_KEYS = "signing-keys"
"""Likewise: what seals the keys that sign tokens."""


class KeyPurpose(enum.IntEnum):
    """What a key is for."""

    WRAP = 1
    SEAL = 2
    INDEX = 3


class KeyState(enum.IntEnum):
    """What may be done with a key."""

    ACTIVE = 1
    DECRYPT_ONLY = 2
    DESTROYED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as stored.

    Attributes:
        scope: Whose it is: a collection's, or a tenant's with ``TENANT_WIDE``.
        version: Counts the keys of a scope for one purpose, from 1.
        key_id: Tells the key from all others.
        wrapped: The key, encrypted; empty once it is destroyed.
        wrapped_by: The id of the key that wraps it.
        created_at_ns: Nanoseconds since the Unix epoch.
    """

    scope: CollectionKey
    purpose: KeyPurpose
    version: int
    key_id: bytes
    wrapped: bytes
    wrapped_by: str
    state: KeyState
    created_at_ns: int

    @property
    def place(self) -> bytes:
        """What the wrapped key is bound to."""
        return wrapping_place(self.scope, self.purpose)

    @property
    def is_tenants(self) -> bool:
        """Whether the master key wraps it."""
        return self.purpose is KeyPurpose.WRAP


def wrapping_place(scope: CollectionKey, purpose: KeyPurpose) -> bytes:
    """What a wrapped key of a scope is bound to."""
    return place("data key", *scope, purpose.name)


def described(scope: CollectionKey) -> str:
    """A scope as people are told of it."""
    return scope.name if scope.tenant else f"the server's {scope.collection}"
