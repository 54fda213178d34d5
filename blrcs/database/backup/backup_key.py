"""Keys that backups are encrypted to, and opened with.

Either one key for both, 32 bytes in hexadecimal digits; or a pair of X25519 keys in PEM: to the
public one anybody can encrypt, and only the private one opens. Of a pair's shared secret and both
public keys HKDF-SHA-256 (RFC 5869) makes a key, as HPKE (RFC 9180) and age do.
"""

import os
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from blrcs.database.backup.errors import BackupError

KEY_BYTES = 32
PAIR_PURPOSE = b"blrcs backup x25519"
ONE_PURPOSE = b"blrcs backup key"
NONCE = bytes(12)
"""Each wrapping key is made for one use."""


class BackupKey(Protocol):
    """What a backup is encrypted to, or opened with."""

    def wrap(self, file_key: bytes) -> dict[str, str]:
        """What the file says of its key; BackupError where this one only opens."""
        ...

    def unwrap(self, said: dict[str, Any]) -> bytes:
        """The file's key; BackupError where it was encrypted to another one."""
        ...


class OneKey:
    """Both encrypts and opens."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def wrap(self, file_key: bytes) -> dict[str, str]:
        """See BackupKey."""
        salt = os.urandom(KEY_BYTES)
        wrapped = AESGCM(_derived(self._key, salt, ONE_PURPOSE)).encrypt(NONCE, file_key, None)
        return {"kind": "key", "salt": salt.hex(), "wrapped": wrapped.hex()}

    def unwrap(self, said: dict[str, Any]) -> bytes:
        """See BackupKey."""
        if said["kind"] != "key":
            raise BackupError("the backup was encrypted to a public key")
        key = _derived(self._key, bytes.fromhex(said["salt"]), ONE_PURPOSE)
        return _opened(key, said)


class PublicKey:
    """Only encrypts."""

    def __init__(self, key: X25519PublicKey) -> None:
        self._key = key

    def wrap(self, file_key: bytes) -> dict[str, str]:
        """See BackupKey."""
        own = X25519PrivateKey.generate()
        sender, receiver = own.public_key().public_bytes_raw(), self._key.public_bytes_raw()
        key = _derived(own.exchange(self._key), sender + receiver, PAIR_PURPOSE)
        wrapped = AESGCM(key).encrypt(NONCE, file_key, None)
        return {"kind": "x25519", "sender": sender.hex(), "wrapped": wrapped.hex()}

    def unwrap(self, said: dict[str, Any]) -> bytes:
        """See BackupKey."""
        del said
        raise BackupError("a public key opens no backup: give the private one")


class PrivateKey:
    """Only opens; what is encrypted to it is so to its public key."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key

    def wrap(self, file_key: bytes) -> dict[str, str]:
        """See BackupKey."""
        return PublicKey(self._key.public_key()).wrap(file_key)

    def unwrap(self, said: dict[str, Any]) -> bytes:
        """See BackupKey."""
        if said["kind"] != "x25519":
            raise BackupError("the backup was encrypted to no public key")
        sender = bytes.fromhex(said["sender"])
        receiver = self._key.public_key().public_bytes_raw()
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(sender))
        return _opened(_derived(shared, sender + receiver, PAIR_PURPOSE), said)


def parse_backup_key(content: bytes) -> BackupKey:
    """The key that a file holds; BackupError where it is none."""
    try:
        if b"PUBLIC KEY" in content:
            public = load_pem_public_key(content)
            if isinstance(public, X25519PublicKey):
                return PublicKey(public)
        elif b"PRIVATE KEY" in content:
            private = load_pem_private_key(content, None)
            if isinstance(private, X25519PrivateKey):
                return PrivateKey(private)
        elif len(key := bytes.fromhex(content.decode("ascii"))) == KEY_BYTES:
            return OneKey(key)
    except (ValueError, TypeError):
        pass
    raise BackupError(
        f"is no key for backups: {KEY_BYTES} bytes in hexadecimal digits, or X25519 in PEM"
    )


def _derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt, purpose).derive(secret)


def _opened(key: bytes, said: dict[str, Any]) -> bytes:
    try:
        return AESGCM(key).decrypt(NONCE, bytes.fromhex(said["wrapped"]), None)
    except InvalidTag:
        raise BackupError("the backup was encrypted to another key") from None
