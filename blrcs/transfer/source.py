"""The input of an import."""

import fcntl
import hashlib
import os
import secrets
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO

from blrcs.transfer.errors import TransferError

HEAD_BYTES = 1 << 16
SEED_BYTES = 32


class Source:
    """A file, or standard input, which cannot be read twice.

    Attributes:
        path: None for standard input.
        file: Open for reading, where the next line begins.
        size_bytes: None where nobody knows.
        identity: What tells the file from others, and from itself after a change.
        seed: The same for every import of the file as it is; of standard input, for none.
    """

    def __init__(self, path: Path | None, file: BinaryIO) -> None:
        self.path = path
        self.file = file
        self.size_bytes: int | None = None
        self.identity: dict[str, Any] = {}
        self.seed = secrets.token_bytes(SEED_BYTES)
        if path is None:
            return
        stored = os.fstat(file.fileno())
        head = hashlib.blake2b(file.read(HEAD_BYTES), digest_size=SEED_BYTES)
        file.seek(0)
        self.size_bytes = stored.st_size
        self.identity = {
            "size_bytes": stored.st_size,
            "mtime_ns": stored.st_mtime_ns,
            "head": head.hexdigest(),
        }
        head.update(stored.st_size.to_bytes(8, "big"))
        self.seed = head.digest()

    @classmethod
    def open(cls, path: Path | None) -> "Source":
        """Opens the file for one import at a time.

        Raises:
            TransferError: It cannot be read, is no regular file, or another import reads it.
        """
        if path is None:
            return cls(None, sys.stdin.buffer)
        try:
            file = path.open("rb")
        except OSError as error:
            raise TransferError(f"{path}: {error.strerror}") from None
        if not path.is_file():
            file.close()
            raise TransferError(f"{path} is not a regular file; - takes standard input")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise TransferError(f"another import reads {path}") from None
        return cls(path, file)

    def is_at(self, path: Path) -> bool:
        """Whether a path leads to the very file."""
        try:
            own, other = os.fstat(self.file.fileno()), path.stat()
        except OSError:
            return False
        return stat.S_ISREG(own.st_mode) and os.path.samestat(own, other)

    def close(self) -> None:
        """Lets the file go, for other imports; standard input stays open."""
        if self.path is not None:
            self.file.close()
