"""The directory that holds all that the server keeps."""

import fcntl
import os
from pathlib import Path
from typing import Self

from blrcs.database.errors import DatabaseLockedError, DatabaseUnwritableError

LOCK_NAME = "lock"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600


class DataDirectory:
    """A directory held by this process alone, until it is closed or the process ends.

    The kernel keeps the lock (flock(2)) and drops it with the process, however that ends, so that
    no stale lock can be left. Children that are started by exec do not inherit it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> Self:
        """Creates the directory where it is missing, readable by its owner alone, and locks it.

        Raises:
            DatabaseUnwritableError: It cannot be created or written.
            DatabaseLockedError: Another process holds it.
        """
        try:
            path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except FileExistsError as error:
            raise DatabaseUnwritableError(path, "is not a directory") from error
        except OSError as error:
            raise DatabaseUnwritableError(path, f"cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(lock, 20, 0)
            os.close(lock)
            named = f" (process {holder.decode()})" if holder.isdigit() else ""
            raise DatabaseLockedError(path, f"is in use by another server{named}") from error
        except OSError as error:
            os.close(lock)
            raise DatabaseUnwritableError(path, f"cannot be written: {error.strerror}") from error
        return cls(path, lock)

    def close(self) -> None:
        """Lets the directory go. The lock file stays: removing it would race with a new holder."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
