"""Keys in files that only their owner may read."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from blrcs.files import sync_directory

MAX_FILE_SIZE_BYTES = 16 * 1024
OWNER_ONLY = 0o600


class KeyFileError(Exception):
    """The key file cannot be used. Its text is one line for a terminal."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


def create_key_file(path: Path, content: bytes) -> None:
    """Makes the file at once and whole, and durable when this returns.

    Of two processes that create it together, the first one's stays, and the other finds it there.

    Raises:
        KeyFileError: It cannot be written.
    """
    try:
        _create(path, content, _link)
    except OSError as error:
        raise KeyFileError(path, f"cannot be written: {error.strerror}") from error


def replace_key_file(path: Path, content: bytes) -> None:
    """As :func:`create_key_file`, but it takes the place of a file that is there, in one step.

    Raises:
        KeyFileError: It cannot be written.
    """
    try:
        _create(path, content, os.replace)
    except OSError as error:
        raise KeyFileError(path, f"cannot be written: {error.strerror}") from error


def read_key_file(path: Path) -> bytes:
    """What is in the file.

    Raises:
        KeyFileError: It can be read by others, or cannot be read.
    """
    try:
        with path.open("rb") as f:
            status = os.fstat(f.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyFileError(path, "is not a file")
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                mode = stat.S_IMODE(status.st_mode)
                raise KeyFileError(path, f"is open to others (mode {mode:04o}): chmod 600 it")
            return f.read(MAX_FILE_SIZE_BYTES)
    except OSError as error:
        raise KeyFileError(path, f"cannot be read: {error.strerror}") from error


def _create(path: Path, content: bytes, put: Callable[[Path, Path], None]) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        put(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def _link(draft: Path, path: Path) -> None:
    # A link, unlike a rename, never replaces a key that another process made meanwhile.
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
