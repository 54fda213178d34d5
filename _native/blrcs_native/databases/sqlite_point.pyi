"""The value that a statement of SQLite finds by three texts."""

from collections.abc import Callable
from os import PathLike
from typing import Final, TypeAlias, final

is_available: Final[bool]
"""Whether Python's sqlite3 module shows the library that it uses."""

Note: TypeAlias = Callable[[tuple[str, str, str, int], int, int], None]
"""Is told of the values, the nanoseconds that it took, and how many rows it gave."""

@final
class SqlitePoint:
    """Runs one statement on a connection of its own, for the thread that made it.

    What it finds is what is committed when it is asked, by whatever process. A snapshot may serve
    several reads of one turn of the running loop; it is given up when that turn has ended, or as
    soon as something newer is committed.

    Args:
        path: Of a database that has a write-ahead log.
        sql: Finds one row at most, with one value of octets, by three texts and the time.
        again: Finds the same by the same and the number that ``sql`` gives of a row as another
            value, which is not 0. It is asked first where the texts were found before; so it has to
            compare them, since rows move.
        clock: Unix time in nanoseconds.

    Raises:
        OSError: The file cannot be opened, or the statement is refused; or it is not available.
    """

    def __init__(
        self,
        path: PathLike[str],
        sql: str,
        again: str | None = None,
        *,
        clock: Callable[[], int] = ...,
    ) -> None: ...
    def __call__(self, first: str, second: str, third: str) -> bytes | None:
        """The value.

        None where there is no such row, where SQLite fails or is locked, and when it is closed.
        """

    def watch(self, least_ns: int, note: Note) -> None:
        """Has reads told of that take at least so long."""

    def close(self) -> None:
        """Finds nothing more."""
