"""Lines of a file, of bounded length."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from blrcs_native.record_lines import LineBlock

MAX_LINE_BYTES = 8 << 20
"""A record has at most 1 MiB; a text of JSON may be some times that for the same record."""
SKIPPED_BYTES = 1 << 16
BLOCK_BYTES = 1 << 16
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
        line = _line(file, raw, number=number, offset=offset)
        offset = line.end
        yield line


def read_blocks(file: BinaryIO, *, number: int = 0, offset: int = 0) -> Iterator[LineBlock | Line]:
    """As ``read_lines``, many lines at once, and those that are too long by themselves.

    Each block is to be read to its end before the next one is asked for.
    """
    while text := file.read(BLOCK_BYTES):
        if stop := text.rfind(b"\n") + 1:
            block = LineBlock(text, stop, at=_mark(text, offset), number=number, offset=offset)
            yield block
            number, offset = block.number, offset + stop
        if rest := text[stop:]:
            raw = rest + file.readline(MAX_LINE_BYTES + 1 - len(rest))
            line = _line(file, raw, number=number + 1, offset=offset)
            if line.is_whole:
                at = _mark(raw, offset)
                yield LineBlock(raw, len(raw), at=at, number=number, offset=offset)
            else:
                yield line
            number, offset = line.number, line.end


def _line(file: BinaryIO, raw: bytes, *, number: int, offset: int) -> Line:
    """The line that begins so."""
    end = offset + len(raw)
    is_whole = len(raw) <= MAX_LINE_BYTES
    if not is_whole:
        end += _skip_rest(file, raw)
        raw = raw[:MAX_LINE_BYTES]
    return Line(number, number, end, raw[_mark(raw, offset) :], is_whole)


def _mark(text: bytes, offset: int) -> int:
    """The size of the mark of UTF-8, at the beginning of the file."""
    return len(BOM) if not offset and text.startswith(BOM) else 0


def _skip_rest(file: BinaryIO, raw: bytes) -> int:
    skipped = 0
    while not raw.endswith(b"\n") and (raw := file.readline(SKIPPED_BYTES)):
        skipped += len(raw)
    return skipped
