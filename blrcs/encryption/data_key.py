"""What seals and opens values: AES-256-GCM under keys that are derived for each process.

A sealed value is a version, the id of the data key, a salt, a nonce, and the ciphertext with its
tag. The salt is 128 random bits that an object draws when it begins to seal; HKDF-SHA-256 (RFC
5869) makes of it and the data key the key of AES-GCM, as XAES-256-GCM and the AWS Encryption SDK
do. The nonce is 96 random bits of the kernel for each value. So neither a fork, nor a restart, nor
a virtual machine that is run twice from one snapshot can bring a key and a nonce together again:
nothing is counted that could be copied. 2^32 values may be sealed under one derived key (NIST SP
800-38D, section 8.3); then a new salt is drawn, so that a data key has no bound that matters.

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

VERSION = b"\x02"
OLD_VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
SALT_BYTES = 16
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES
HEAD_BYTES = HEADER_BYTES + SALT_BYTES
BODY = HEAD_BYTES + NONCE_BYTES
MAX_SEALED = 1 << 32
MAX_SALTS = 1024
"""Derived keys that are kept for opening; others are derived anew."""

Random = Callable[[int], bytes]


class DataKey:
    """A key, and its id. Threads may share it.

    Args:
        key: 32 unpredictable bytes.
        random: Gives as many unpredictable bytes as it is asked for.
        max_sealed: How many values are sealed under one salt.
    """

    def __init__(
        self, key: bytes, random: Random = os.urandom, *, max_sealed: int = MAX_SEALED
    ) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._key = key
        self._random = random
        self._max_sealed = max_sealed
        self.id = key_id(key)
        self._opening: dict[bytes, AESGCM] = {}
        self._old = AESGCM(key)
        self._left = 0

    def seal(self, place: bytes, value: bytes) -> bytes:
        """The value, encrypted and bound to a place."""
        self._left -= 1
        if self._left < 0:
            self._draw_salt()
        encrypt, head = self._sealing
        nonce = self._random(NONCE_BYTES)
        return head + nonce + encrypt(nonce, value, head + place)

    def open(self, place: bytes, sealed: bytes, old_place: bytes | None = None) -> bytes:
        """The value.

        Args:
            place: Where it was sealed.
            sealed: What ``seal`` returned.
            old_place: What a value of version 1 is bound to, where there may be some.

        Raises:
            FailedPreconditionError: It is another key's, or was altered, or belongs elsewhere.
        """
        try:
            head = sealed[:HEAD_BYTES]
            decrypt = self._opening.get(head)
            if decrypt is None:
                if head[:HEADER_BYTES] == OLD_VERSION + self.id and old_place is not None:
                    end = HEADER_BYTES + NONCE_BYTES
                    return self._old.decrypt(sealed[HEADER_BYTES:end], sealed[end:], old_place)
                decrypt = self._derived(head)
            return decrypt.decrypt(sealed[HEAD_BYTES:BODY], sealed[BODY:], head + place)
        except (InvalidTag, ValueError):
            raise FailedPreconditionError(
                "ENCRYPTED_FIELD_ALTERED", "what is encrypted was altered, or belongs elsewhere"
            ) from None

    def _draw_salt(self) -> None:
        head = VERSION + self.id + self._random(SALT_BYTES)
        self._sealing = AESGCM(expand(self._key, b"blrcs seal\0" + head)).encrypt, head
        self._left = self._max_sealed - 1

    def _derived(self, head: bytes) -> AESGCM:
        if head[:HEADER_BYTES] != VERSION + self.id:
            raise FailedPreconditionError(
                "ENCRYPTION_KEY_WRONG", "what is encrypted cannot be opened with the server's key"
            )
        if len(head) < HEAD_BYTES:
            raise ValueError("is cut off")
        if len(self._opening) >= MAX_SALTS:
            self._opening = {}
        derived = self._opening[head] = AESGCM(expand(self._key, b"blrcs seal\0" + head))
        return derived


def key_id(key: bytes) -> bytes:
    """What tells a key from others, and nothing of it."""
    return hashlib.sha256(b"blrcs key id\0" + key).digest()[:KEY_ID_BYTES]


def key_id_in(sealed: bytes) -> bytes:
    """The id of the key that a value was sealed with; empty where it is none."""
    return sealed[len(VERSION) : HEADER_BYTES] if sealed[:1] in {VERSION, OLD_VERSION} else b""


def expand(key: bytes, info: bytes) -> bytes:
    """A key of 32 bytes for one purpose: the one block of HKDF-Expand, of a uniform key."""
    return hmac.digest(key, info + b"\x01", "sha256")
