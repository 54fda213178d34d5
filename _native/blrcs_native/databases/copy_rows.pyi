"""Rows as PostgreSQL's COPY takes them in its binary format."""

from typing import Any, Final

HEAD: Final[bytes]
"""Stands before the first row."""
TAIL: Final[bytes]
"""Stands behind the last one."""

def copy_rows(rows: list[tuple[Any, ...]], kinds: bytes) -> bytes:
    """Some rows, one after another.

    Args:
        rows: None stands for NULL.
        kinds: What each column holds: ``t`` text, ``o`` octets, ``n`` a whole number of 64 bits,
            ``r`` a real one, ``f`` a flag.

    Raises:
        TypeError: A row has more or fewer values, or one is of another type.
        OverflowError: A number has more than 64 bits, or a value more than 2 GiB.
        UnicodeEncodeError: A text has no UTF-8.
    """
