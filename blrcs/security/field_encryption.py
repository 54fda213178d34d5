"""Encryption of single fields: AES-256-GCM, a key for each collection, wrapped by the server's.

What is sealed begins with a version and the id of its key, so that another key can take its place
one day; then a random nonce of 96 bits, and the ciphertext with its tag. The associated data name
the place: a ciphertext that is moved to another record, field or collection cannot be opened. A
data key may seal 2^32 values before two nonces may be equal (NIST SP 800-38D, section 8.3).
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blrcs.domain.errors import FailedPreconditionError
from blrcs.domain.record_name import CollectionKey, RecordKey
from blrcs.security.key_file import KeyFileError, create_key_file, read_key_file

VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES
MAX_OPEN_KEYS = 1024


class AeadKey:
    """A key, and its id."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self.id = hashlib.sha256(b"blrcs key id\0" + key).digest()[:KEY_ID_BYTES]

    def seal(self, place: bytes, value: bytes, nonce: bytes) -> bytes:
        """The value, encrypted and bound to a place."""
        return VERSION + self.id + nonce + self._cipher.encrypt(nonce, value, place)

    def open(self, place: bytes, sealed: bytes) -> bytes:
        """The value; FailedPreconditionError where it is another key's, or was tampered with."""
        if sealed[:HEADER_BYTES] != VERSION + self.id:
            raise FailedPreconditionError(
                "ENCRYPTION_KEY_WRONG", "what is encrypted cannot be opened with the server's key"
            )
        start = HEADER_BYTES + NONCE_BYTES
        try:
            return self._cipher.decrypt(sealed[HEADER_BYTES:start], sealed[start:], place)
        except (InvalidTag, ValueError):
            raise FailedPreconditionError(
                "ENCRYPTED_FIELD_ALTERED", "what is encrypted was altered, or belongs elsewhere"
            ) from None


class AesGcmFieldCipher:
    """Implements the FieldCipher port.

    The server's key is made when the first collection needs it, and its id is kept in the database:
    a server that has another one, or none, refuses to touch what is encrypted.

    Args:
        path: Where the server's key lies.
        register: Keeps the id of the first server's key, and returns the one that is kept. Without
            an id it returns what is kept, or nothing.
        random: Gives as many unpredictable bytes as it is asked for.
    """

    def __init__(
        self,
        path: Path,
        register: Callable[[bytes], Awaitable[bytes]],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._path = path
        self._register = register
        self._random = random
        self._master: AeadKey | None = None
        self._data_keys: OrderedDict[bytes, AeadKey] = OrderedDict()

    async def check(self) -> None:
        """Raises KeyFileError unless the key is there, and is the one that the database knows.

        A database that knows none needs none.
        """
        known = await self._register(b"")
        if known:
            if not self._path.exists():
                raise KeyFileError(
                    self._path, "is missing, and the database has fields that are encrypted with it"
                )
            if self._load().id != known:
                raise KeyFileError(
                    self._path, "is not the key that fields in the database are encrypted with"
                )

    async def prepare(self) -> None:
        """See the port."""
        known = await self._register(b"")
        try:
            if not known and not self._path.exists():
                create_key_file(self._path, self._random(KEY_BYTES).hex().encode() + b"\n")
            master = self._load()
        except KeyFileError as error:
            raise _unusable() from error
        if master.id != (known or await self._register(master.id)):
            self._master = None
            raise _unusable()

    def new_data_key(self, collection: CollectionKey) -> bytes:
        """See the port."""
        nonce = self._random(NONCE_BYTES)
        return self._key().seal(_place(*collection), self._random(KEY_BYTES), nonce)

    def seal(self, data_key: bytes, record: RecordKey, path: str, value: bytes) -> bytes:
        """See the port."""
        key = self._opened(data_key, record.parent)
        return key.seal(_place(*record, path), value, self._random(NONCE_BYTES))

    def open(self, data_key: bytes, record: RecordKey, path: str, sealed: bytes) -> bytes:
        """See the port."""
        return self._opened(data_key, record.parent).open(_place(*record, path), sealed)

    def _opened(self, data_key: bytes, collection: CollectionKey) -> AeadKey:
        # By the collection as well: a key that is moved to another one must not be found here.
        name = _place(*collection) + data_key
        key = self._data_keys.get(name)
        if key is None:
            key = AeadKey(self._key().open(_place(*collection), data_key))
            self._data_keys[name] = key
            if len(self._data_keys) > MAX_OPEN_KEYS:
                self._data_keys.popitem(last=False)
        return key

    def _key(self) -> AeadKey:
        try:
            return self._load()
        except KeyFileError as error:
            raise _unusable() from error

    def _load(self) -> AeadKey:
        if self._master is None:
            text = read_key_file(self._path)
            try:
                key = bytes.fromhex(text.decode("ascii"))
            except ValueError:
                key = b""
            if len(key) != KEY_BYTES:
                raise KeyFileError(self._path, f"is not {KEY_BYTES} bytes in hexadecimal digits")
            self._master = AeadKey(key)
        return self._master


def _place(*names: str) -> bytes:
    """Names, each with its length, so that no others look the same together."""
    encoded = [name.encode() for name in names]
    return b"".join(len(each).to_bytes(4, "big") + each for each in encoded)


def _unusable() -> FailedPreconditionError:
    return FailedPreconditionError(
        "ENCRYPTION_KEY_UNUSABLE", "the server does not have the key for encrypted fields"
    )
