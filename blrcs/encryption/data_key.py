"""What seals and opens values: AES-256-GCM under keys that are derived for each process.

A sealed value is a version, the id of the data key, a salt, a nonce, and the ciphertext with its
tag. The salt is 128 random bits that an object draws when it begins to seal; HKDF-SHA-256 (RFC
5869) makes of it and the data key the key of AES-GCM, as XAES-256-GCM and the AWS Encryption SDK
do. The nonce is 96 random bits of the kernel for each value. So neither a fork nor a restart can
bring a key and a nonce together again: nothing is counted that could be copied. 2^32 values may be
sealed under one derived key (NIST SP 800-38D, section 8.3); then a new salt is drawn, so that a
data key has no bound that matters.

The associated data are version, key id, salt, and the place that the value belongs to.
Version 1 had no salt, and its associated data were the place alone: it is opened, and no more made.
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.sealed_value import HEADER_BYTES, KEY_ID_BYTES, OLD_VERSION, VERSION
from blrcs_native.field_seal import FieldSeal

KEY_BYTES = 32
SALT_BYTES = 16
NONCE_BYTES = 12
HEAD_BYTES = HEADER_BYTES + SALT_BYTES
MAX_SEALED = 1 << 32
MAX_SALTS = 1024
"""Derived keys that are kept for opening; others are derived anew."""

NOT_OPENED = (InvalidTag, ValueError)
"""What a FieldSeal raises where a value was altered, or belongs elsewhere."""

Random = Callable[[int], bytes]


class DataKey:
    """A key, its id, and what seals values with it now. Threads may share it.

    Args:
        key: 32 unpredictable bytes.
        random: Gives as many unpredictable bytes as it is asked for.
        max_sealed: How many values are sealed under one salt.
    """

    def __init__(
        self, key: bytes, random: Random | None = None, *, max_sealed: int = MAX_SEALED
    ) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._key = key
        self._random = random
        self._max_sealed = max_sealed
        self.id = key_id(key)
        self._opening: dict[bytes, FieldSeal] = {}
        self.sealing = self._drawn()

    def seal(self, place: bytes, value: bytes, name: str = "") -> bytes:
        """The value, encrypted and bound to a place, and to a name within it."""
        sealed = self.sealing.seal(place, name, value)
        while sealed is None:
            self.sealing = self._drawn()
            sealed = self.sealing.seal(place, name, value)
        return sealed

    def open(
        self, place: bytes, sealed: bytes, name: str = "", *, old_place: bytes | None = None
    ) -> bytes:
        """The value.

        Args:
            place: Where it was sealed.
            sealed: What ``seal`` returned.
            name: Within the place.
            old_place: What a value of version 1 is bound to, where there may be some.

        Raises:
            FailedPreconditionError: It is another key's, or was altered, or belongs elsewhere.
        """
        try:
            if sealed[:HEADER_BYTES] == OLD_VERSION + self.id and old_place is not None:
                end = HEADER_BYTES + NONCE_BYTES
                return AESGCM(self._key).decrypt(sealed[HEADER_BYTES:end], sealed[end:], old_place)
            return self.opener(sealed).open(place, name, sealed)
        except NOT_OPENED:
            raise altered() from None

    def _drawn(self) -> FieldSeal:
        """What seals under a new salt."""
        salt = (self._random or os.urandom)(SALT_BYTES)
        return self._derived(VERSION + self.id + salt)

    def opener(self, sealed: bytes) -> FieldSeal:
        """What opens a value and others with its salt; FailedPreconditionError if not this key."""
        head = sealed[:HEAD_BYTES]
        found = self._opening.get(head)
        if found is not None:
            return found
        if head[:HEADER_BYTES] != VERSION + self.id:
            raise FailedPreconditionError(
                "ENCRYPTION_KEY_WRONG", "what is encrypted cannot be opened with the server's key"
            )
        if len(self._opening) >= MAX_SALTS:
            self._opening = {}
        found = self._opening[head] = self._derived(head)
        return found

    def _derived(self, head: bytes) -> FieldSeal:
        cipher = AESGCM(expand(self._key, b"blrcs seal\0" + head))
        return FieldSeal(
            head, cipher.encrypt, cipher.decrypt, most=self._max_sealed, random=self._random
        )


def altered() -> FailedPreconditionError:
    """What callers are told of a value that does not open where it is."""
    return FailedPreconditionError(
        "ENCRYPTED_FIELD_ALTERED", "what is encrypted was altered, or belongs elsewhere"
    )


def key_id(key: bytes) -> bytes:
    """What tells a key from others, and nothing of it."""
    return hashlib.sha256(b"blrcs key id\0" + key).digest()[:KEY_ID_BYTES]


def expand(key: bytes, info: bytes) -> bytes:
    """A key of 32 bytes for one purpose: the one block of HKDF-Expand, of a uniform key."""
    return hmac.digest(key, info + b"\x01", "sha256")
