"""Lines of a file, of bounded length."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAX_LINE_BYTES = 8 << 20
"""A record has at most 1 MiB; a text of JSON may be some times that for the same record."""
SKIPPED_BYTES = 1 << 16
BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line, with its line break.

    Attributes:
        number: Counted from 1.
        last: The number of the last one, where several stand for one.
        end: Where the next one begins, in bytes from the beginning of the file.
        is_whole: False where it is too long, and is only its beginning.
    """

    number: int
    last: int
    end: int
    raw: bytes
    is_whole: bool


def read_lines(file: BinaryIO, *, number: int = 0, offset: int = 0) -> Iterator[Line]:
    """Reads on where the file is, at a line's beginning.

    A mark of UTF-8 at the beginning of the file is dropped.

    Args:
        file: Open for reading.
        number: Of the line before.
        offset: How many bytes come before.
    """
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        end = offset + len(raw)
        is_whole = len(raw) <= MAX_LINE_BYTES
        if not is_whole:
            end += _skip_rest(file, raw)
            raw = raw[:MAX_LINE_BYTES]
        if not offset:
            raw = raw.removeprefix(BOM)
        offset = end
        yield Line(number, number, end, raw, is_whole)


def _skip_rest(file: BinaryIO, raw: bytes) -> int:
    skipped = 0
    while not raw.endswith(b"\n") and (raw := file.readline(SKIPPED_BYTES)):
        skipped += len(raw)
    return skipped
