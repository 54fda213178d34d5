"""Types of columns that are the same on every database.

Text is compared octet by octet of its UTF-8, whatever the locale of the database: so that keys are
told apart by case and by blanks at their end, and a page token means the same everywhere. On SQLite
they are those that its STRICT tables know. MySQL and MariaDB name the collation that pads nothing
each in its own way.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

MAX_KEY_CHARACTERS = 255

OF_MYSQL = "utf8mb4_0900_bin"
OF_MARIADB = "utf8mb4_nopad_bin"
_MYSQL = {"charset": "utf8mb4", "collation": OF_MYSQL}
_MARIADB = {"charset": "utf8mb4", "collation": OF_MARIADB}

TEXT = (
    sa.Text()
    .with_variant(sa.Text(collation="C"), "postgresql")
    .with_variant(mysql.LONGTEXT(**_MYSQL), "mysql")
    .with_variant(mysql.LONGTEXT(**_MARIADB), "mariadb")
)
KEY = (
    sa.Text()
    .with_variant(sa.Text(collation="C"), "postgresql")
    .with_variant(mysql.VARCHAR(MAX_KEY_CHARACTERS, **_MYSQL), "mysql")
    .with_variant(mysql.VARCHAR(MAX_KEY_CHARACTERS, **_MARIADB), "mariadb")
)
"""Text that can be a key, or have an index: at most 255 characters."""
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
DIGEST = sa.LargeBinary().with_variant(mysql.VARBINARY(64), "mysql", "mariadb")
"""At most 64 bytes, that can be a key."""


class _AsItIs(sa.types.UserDefinedType[Any]):
    """A type whose values go to the driver and come back as they are."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        """As CREATE TABLE has it."""
        return self.name


DOCUMENT = (
    sa.Text()
    .with_variant(_AsItIs("JSON"), "postgresql")
    .with_variant(mysql.LONGTEXT(**_MYSQL), "mysql")
    .with_variant(mysql.LONGTEXT(**_MARIADB), "mariadb")
)
"""The text of a JSON object, as it was written. Columns of this type have no order.

On PostgreSQL it is json and not jsonb, which would bring keys into another order, take the sign
from -0.0, and be written out anew for each read; json keeps the text, and its operators read that
without building anything. Elsewhere it is text as any other: SQLite's functions read text, MariaDB
has no type for JSON, and that of MySQL sorts keys and writes numbers anew.
"""
DOUBLE = _AsItIs("DOUBLE PRECISION").with_variant(_AsItIs("REAL"), "sqlite")
"""A number as Python's float."""
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole number of 64 bits, signed. An instant is nanoseconds since the Unix epoch."""
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")
