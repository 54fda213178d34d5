"""Files that are encrypted as they are written, and checked as they are read.

Behind a header come chunks of AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway,
Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015): the nonce is
the number of the chunk and whether it is the last. So nothing is read of a file of which a chunk
was changed, moved, left out or cut off. The key of the chunks is made of the file's own, which is
new for each file, and of all that stands before them.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from blrcs.database.backup.backup_key import KEY_BYTES, BackupKey
from blrcs.database.backup.errors import BackupError

MAGIC = b"blrcs sealed 1\n"
CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
LENGTH_BYTES = 2
NUMBER_BYTES = 11
PURPOSE = b"blrcs backup chunks"


class SealedWriter(io.RawIOBase):
    """Encrypts what is written; closing it ends the file.

    Args:
        file: Takes what comes of it, and is left open.
        key: What it is encrypted to.
        file_key: The file's own, random.
    """

    def __init__(self, file: IO[bytes], key: BackupKey, file_key: bytes) -> None:
        super().__init__()
        said = orjson.dumps(key.wrap(file_key))
        head = MAGIC + len(said).to_bytes(LENGTH_BYTES, "big") + said
        file.write(head)
        self._file = file
        self._chunks = _Chunks(file_key, head)
        self._waiting = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Takes all of it."""
        self._waiting += data
        # One chunk stays, which may be the last.
        while len(self._waiting) > CHUNK_BYTES:
            self._file.write(self._chunks.seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False))
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Writes the last chunk; without it the file is no whole one."""
        self._file.write(self._chunks.seal(bytes(self._waiting), is_last=True))
        self.close()


class SealedReader(io.RawIOBase):
    """Decrypts what is read; BackupError where it is not what was written, or for another key."""

    def __init__(self, file: IO[bytes], key: BackupKey) -> None:
        super().__init__()
        head = file.read(len(MAGIC) + LENGTH_BYTES)
        length = int.from_bytes(head[len(MAGIC) :], "big")
        said = file.read(length)
        try:
            file_key = key.unwrap(dict(orjson.loads(said)))
        except (ValueError, KeyError, TypeError):
            raise BackupError("is damaged") from None
        self._file = file
        self._chunks = _Chunks(file_key, head + said)
        self._next = file.read(CHUNK_BYTES + TAG_BYTES)
        self._read = b""
        self._is_over = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See RawIOBase."""
        while not self._read and not self._is_over:
            chunk, self._next = self._next, self._file.read(CHUNK_BYTES + TAG_BYTES)
            self._is_over = not self._next
            self._read = self._chunks.open(chunk, is_last=self._is_over)
        given = self._read[: len(buffer)]
        buffer[: len(given)] = given
        self._read = self._read[len(given) :]
        return len(given)


class KnownKey:
    """Opens one file whose key is known, by whoever has written it."""

    def __init__(self, file_key: bytes) -> None:
        self._file_key = file_key

    def wrap(self, file_key: bytes) -> dict[str, str]:
        """See BackupKey."""
        raise NotImplementedError

    def unwrap(self, said: dict[str, Any]) -> bytes:
        """See BackupKey."""
        del said
        return self._file_key


@contextmanager
def sealed_for(path: Path, key: BackupKey, file_key: bytes) -> Iterator[SealedWriter]:
    """A file to write to, whole when the block ends well."""
    with path.open("wb") as file:
        writer = SealedWriter(file, key, file_key)
        yield writer
        writer.finish()


@contextmanager
def plain_stream(path: Path, key: BackupKey | None) -> Iterator[IO[bytes]]:
    """What a file holds, decrypted with a key; BackupError where it needs one and has none."""
    with path.open("rb") as file:
        is_sealed = file.read(len(MAGIC)) == MAGIC
        file.seek(0)
        if key is None:
            if is_sealed:
                raise BackupError(f"{path}: is encrypted: give the key")
            yield file
            return
        if not is_sealed:
            # Somebody may have put it in the place of one that was.
            raise BackupError(f"{path}: is not encrypted, though a key is given")
        try:
            yield io.BufferedReader(SealedReader(file, key))
        except BackupError as error:
            said = str(error)
            raise BackupError(said if str(path) in said else f"{path}: {said}") from None


def new_file_key() -> bytes:
    """A key for one file."""
    return os.urandom(KEY_BYTES)


class _Chunks:
    """Seals and opens chunks in their order."""

    def __init__(self, file_key: bytes, head: bytes) -> None:
        self._cipher = AESGCM(HKDF(hashes.SHA256(), KEY_BYTES, head, PURPOSE).derive(file_key))
        self._number = 0

    def seal(self, chunk: bytes, *, is_last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(is_last=is_last), chunk, None)

    def open(self, sealed: bytes, *, is_last: bool) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(is_last=is_last), sealed, None)
        except (InvalidTag, ValueError):
            raise BackupError("is cut off, or is not what was written") from None

    def _nonce(self, *, is_last: bool) -> bytes:
        number = self._number.to_bytes(NUMBER_BYTES, "big")
        self._number += 1
        return number + bytes([is_last])
