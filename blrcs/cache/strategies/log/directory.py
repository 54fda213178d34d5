"""The directory of a log, which one process holds."""

import fcntl
import os
from pathlib import Path
from typing import Self

from blrcs.cache.strategies.log.errors import WriteLogLockedError, WriteLogUnwritableError
from blrcs.cache.strategies.log.segment import FILE_MODE
from blrcs.files import sync_directory

LOCK_NAME = "lock"
DIRECTORY_MODE = 0o700


class LogDirectory:
    """A directory held by this process alone, until it is closed or the process ends.

    The lock is the kernel's (flock(2)), who drops it with the process, however that ends.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Makes the directory where it is missing, for its owner alone, and holds it.

        Raises:
            WriteLogLockedError: Another process holds it.
            WriteLogUnwritableError: It cannot be made or used.
        """
        missing = [each for each in (path, *path.parents) if not each.exists()]
        try:
            path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            for made in missing:
                sync_directory(made.parent)
            lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise WriteLogUnwritableError(path, f"cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                raise WriteLogLockedError(path, "another process writes this log") from error
            raise WriteLogUnwritableError(path, f"cannot be used: {error.strerror}") from error
        return cls(path, lock)

    def close(self) -> None:
        """Lets it go. The lock's file stays: removing it would race with a new holder."""
        os.close(self._lock)
