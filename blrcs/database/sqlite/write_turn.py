"""Whose turn it is to write to a SQLite file, among the processes that have it open."""

import fcntl
import os
import random
import struct
import time
from pathlib import Path
from typing import Self

from blrcs.database.data_directory import FILE_MODE
from blrcs.database.errors import DatabaseUnwritableError

SUFFIX = "-turn"
PAUSE_S = 0.0005

_NEXT, _WRITING = 0, 1
"""Bytes of the file, each with a lock of its own: who is next, and who writes."""


class WriteTurn:
    """Has writers take turns, each with a file descriptor of its own.

    SQLite has a writer that finds another one sleep for up to 100 ms between two looks; one that
    writes without pause leaves the lock for some microseconds, so that the sleeper may never meet
    it. Here whoever waits is next as soon as nobody else is, and whoever has written cannot write
    again as long as somebody is next. The locks (fcntl(2), F_OFD_SETLK) end with their process.

    For one thread at a time.

    Args:
        descriptor: Of the file of locks; closed by ``close``.
        timeout_s: How long a turn is waited for.
    """

    def __init__(self, descriptor: int, timeout_s: float) -> None:
        self._descriptor = descriptor
        self._timeout_s = timeout_s

    @classmethod
    def open(cls, database: Path, *, timeout_s: float) -> Self:
        """Among those who write to this database. Creates the file of locks if need be.

        Raises:
            DatabaseUnwritableError: It cannot be opened.
        """
        path = database.with_name(database.name + SUFFIX)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
        except OSError as error:
            raise DatabaseUnwritableError(path, f"cannot be written: {error.strerror}") from error
        return cls(descriptor, timeout_s)

    def take(self) -> bool:
        """Waits for it; false where it does not come in time."""
        end_s = time.monotonic() + self._timeout_s
        if not self._lock(_NEXT, end_s):
            return False
        try:
            return self._lock(_WRITING, end_s)
        finally:
            self._set(_NEXT, fcntl.F_UNLCK)

    def give_back(self) -> None:
        """It has been written."""
        self._set(_WRITING, fcntl.F_UNLCK)

    def close(self) -> None:
        """It is taken no more."""
        os.close(self._descriptor)

    def _lock(self, byte: int, end_s: float) -> bool:
        while True:
            try:
                self._set(byte, fcntl.F_WRLCK)
            except BlockingIOError:
                if time.monotonic() >= end_s:
                    return False
                # All at one rate, so that none who waits is quicker than the others.
                time.sleep(PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            else:
                return True

    def _set(self, byte: int, kind: int) -> None:
        # struct flock: type, whence, start, length, process.
        lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, lock)
