"""Lines that are not imported, told of and kept."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import orjson

from blrcs.files import named
from blrcs.transfer.entry import Reject
from blrcs.transfer.progress_file import MODE

MAX_KEPT_BYTES = 1 << 20

Tell = Callable[[Reject], None]


class RejectLog:
    """Tells of rejects in their order, and writes each into a file of JSON Lines if there is one.

    Args:
        path: The file; none, if None.
        tell: Told of each.
    """

    def __init__(self, path: Path | None, tell: Tell) -> None:
        self._tell = tell
        self._path = path
        self._file: BinaryIO | None = None

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return 0 if self._file is None else self._file.tell()

    def begin(self, size_bytes: int) -> None:
        """Opens the file, and drops what is behind so many bytes: it is told again.

        It is its owner's alone from then on, and no link that leads elsewhere: OSError.
        """
        if self._path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._path, flags, MODE), "ab")
            os.fchmod(self._file.fileno(), MODE)
            self._file.truncate(size_bytes)
            self._file.seek(0, os.SEEK_END)

    def add(self, rejects: list[Reject]) -> None:
        """They are in the file when this returns."""
        for each in rejects:
            self._tell(each)
        if rejects and self._path is not None and self._file is not None:
            with named(self._path):
                self._file.writelines(map(_line, rejects))
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Ends it."""
        if self._path is not None and self._file is not None:
            with named(self._path):  # what could not be written is tried once more
                self._file.close()


def _line(reject: Reject) -> bytes:
    """The line as text, or in base64 where it is not UTF-8."""
    raw = reject.line.raw
    value: dict[str, object] = {"line": reject.line.number, "reason": reject.reason}
    kept = raw[:MAX_KEPT_BYTES].rstrip(b"\r\n")
    try:
        value["text"] = kept.decode()
    except UnicodeDecodeError:
        value["base64"] = base64.b64encode(kept).decode()
    if not reject.line.is_whole or len(raw) > MAX_KEPT_BYTES:
        value["truncated"] = True
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
