"""Files that are on the disk when a function returns, whatever happens to the machine then."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def named(name: str | Path) -> Iterator[None]:
    """Errors of the system within it name a file, those of a full disk too, which name none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(name)
        raise


def require_replaceable(path: Path) -> None:
    """Raises FileExistsError where what is there is a device, a folder or the like."""
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "is not a regular file", str(path))


def sync_directory(path: Path) -> None:
    """What was made, removed or renamed in it is on the disk then; OSError where it cannot be."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(
    path: Path, content: bytes, *, draft: Path, mode: int, is_durable: bool = True
) -> None:
    """Puts a file in the place of another one, or of none: whoever is killed leaves either.

    Args:
        path: The file.
        content: What it has then.
        draft: Where it is written first, in the same directory. What is there is removed: it may
            be a link that leads elsewhere, or be open to others.
        mode: Of the file, as open(2) has it.
        is_durable: Whether it is on the disk then. If not, and the machine fails, any file may be
            there.

    Raises:
        OSError: It cannot be written; names one of the two.
    """
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with named(path), os.fdopen(os.open(draft, flags, mode), "wb") as file:
        file.write(content)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)
    if is_durable:
        sync_directory(path.parent)
