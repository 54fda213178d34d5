"""Folders below the data directory that belong to one process at a time."""

import fcntl
import os
import re
from itertools import count
from pathlib import Path

FOLDER = "services"
LOCK_SUFFIX = ".lock"
DIRECTORY_MODE = 0o700
FILE_MODE = 0o600

_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,63}")


def path_of(data_directory: Path, name: str, number: int) -> Path:
    """Where the folder of a name and number is.

    Raises:
        ValueError: It is no name for a folder.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not made of lower-case letters, digits, _ and -")
    return data_directory / FOLDER / name / str(number)


class OwnDirectories:
    """Finds folders that no process has, and keeps them until it is closed or the process ends.

    The locks are the kernel's (flock(2)), who drops them with the process, however that ends. They
    lie beside the folders, whose content is their owner's alone.

    Args:
        data_directory: Below which they are.
    """

    def __init__(self, data_directory: Path) -> None:
        self._data_directory = data_directory
        self._locks: list[int] = []

    def __call__(self, name: str) -> Path:
        """See ServerResources.own_directory."""
        for number in count():
            path = path_of(self._data_directory, name, number)
            path.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
            if self._hold(path.with_suffix(LOCK_SUFFIX)):
                return path
        raise AssertionError

    def _hold(self, path: Path) -> bool:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        except OSError:
            os.close(lock)
            raise
        self._locks.append(lock)
        return True

    def close(self) -> None:
        """Lets them go. The files of the locks stay: removing one would race with a new holder."""
        while self._locks:
            os.close(self._locks.pop())
