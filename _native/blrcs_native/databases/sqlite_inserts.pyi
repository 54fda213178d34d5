"""Many rows by SQLite's own functions, through a connection of Python's sqlite3 module."""

from collections.abc import Callable
from typing import TypeAlias, final

Value: TypeAlias = str | bytes | int | float | None
Column: TypeAlias = list[Value] | list[str] | list[bytes] | range | Value
"""The values of all rows, numbers from one on, or the value that all of them have."""

@final
class SqliteInserts:
    """Adds rows as part of whatever transaction the connection is in.

    For one thread at a time, as the connection is, which it does not keep open.

    Args:
        open_: Opens the connection, and nothing else, on the thread that calls it.

    Attributes:
        is_available: Whether the module shows its library; where not, and once it is closed, there
            is nothing to insert with.
    """

    def __init__(self, open_: Callable[[], object]) -> None: ...
    @property
    def is_available(self) -> bool: ...
    def insert(self, table: str, names: tuple[str, ...], columns: tuple[Column, ...]) -> None:
        """Adds rows to a table, by one statement.

        Args:
            table: Where to.
            names: Of its columns; of those that are left out rows have the default. The statement
                is prepared once, and kept.
            columns: The values of each, 64 columns at most. Those that have a value for each row
                have the same length; there is one.

        Raises:
            sqlite3.Error: As the module raises it; rows before the one that fails have been added.
            TypeError: A value is of another type.
            OverflowError: A number has more than 64 bits, or a value more than 2 GiB.
            ValueError: Lengths differ, or it is not available.
        """

    def close(self) -> None:
        """Drops what has been prepared."""
