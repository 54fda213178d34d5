"""Types of columns that are the same on every database.

Text is compared octet by octet of its UTF-8, whatever the locale of the database: so that keys are
told apart by case and by blanks at their end, and a page token means the same everywhere. On SQLite
they are those that its STRICT tables know. MySQL and MariaDB name the collation that pads nothing
each in its own way.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

MAX_KEY_CHARACTERS = 255

_MYSQL = {"charset": "utf8mb4", "collation": "utf8mb4_0900_bin"}
_MARIADB = {"charset": "utf8mb4", "collation": "utf8mb4_nopad_bin"}

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
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A whole number of 64 bits, signed. An instant is nanoseconds since the Unix epoch."""
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")
DOCUMENT = TEXT
"""A JSON document, as canonical text."""
