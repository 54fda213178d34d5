"""Which ways through the native code inputs have taken, where it was built to count them."""

import ctypes
from typing import Self


class Coverage:
    """What ``coverage.c`` counts in this process, into which deploy/sanitize has loaded it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    @classmethod
    def of_this_process(cls) -> Self:
        """The process's.

        Raises:
            RuntimeError: Nothing is counted here.
        """
        library = ctypes.CDLL(None)
        if not hasattr(library, "coverage_begin"):
            raise RuntimeError("the native code does not count: run this by deploy/sanitize")
        return cls(library)

    @property
    def edges(self) -> int:
        """How many ways from one place of the code to the next have been taken."""
        return int(self._library.coverage_edges())

    def begin(self) -> None:
        """What is passed from here on is the next input's."""
        self._library.coverage_begin()

    def gained(self) -> bool:
        """Whether the input took a way that none before it did, or one more often."""
        return bool(self._library.coverage_gained())
