"""What a server says of itself."""

import re
from dataclasses import dataclass

from blrcs.database.dialect import Dialect
from blrcs.database.mysql.dialect import MARIADB, MYSQL
from blrcs.database.types import OF_MARIADB, OF_MYSQL

OLDEST_MARIADB = (10, 6, 0)
OLDEST_MYSQL = (8, 0, 17)

_NUMBER = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A server's kind and version.

    Attributes:
        is_mariadb: Whether it is MariaDB; else MySQL.
        version: Its number.
    """

    is_mariadb: bool
    version: tuple[int, ...]

    @classmethod
    def named(cls, text: str) -> "Server":
        """Reads the version of a handshake.

        MariaDB before 11 puts ``5.5.5-`` before its own, for the sake of old replicas.
        """
        is_mariadb = "MariaDB" in text
        found = _NUMBER.match(text.removeprefix("5.5.5-") if is_mariadb else text)
        return cls(is_mariadb, tuple(map(int, found.groups())) if found else (0, 0, 0))

    @property
    def dialect(self) -> Dialect:
        """What statements for it are compiled for."""
        return MARIADB if self.is_mariadb else MYSQL

    @property
    def collation(self) -> str:
        """Compares text octet by octet, even blanks at its end, which ``utf8mb4_bin`` ignores."""
        return OF_MARIADB if self.is_mariadb else OF_MYSQL

    @property
    def shortcoming(self) -> str | None:
        """Why it cannot be used, as far as its version tells."""
        oldest = OLDEST_MARIADB if self.is_mariadb else OLDEST_MYSQL
        if self.version >= oldest:
            return None
        name = "MariaDB" if self.is_mariadb else "MySQL"
        version, needed = (".".join(map(str, each)) for each in (self.version, oldest))
        return f"{name} {version} is too old: {needed} or later is needed"
