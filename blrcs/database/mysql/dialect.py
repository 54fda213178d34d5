"""How MySQL and MariaDB want their SQL."""

from sqlalchemy.dialects.mysql import asyncmy, mariadb

from blrcs.database.dialect import Dialect

MYSQL = Dialect("mysql", asyncmy.dialect(paramstyle="qmark"))
MARIADB = Dialect("mysql", mariadb.loader("asyncmy")(paramstyle="qmark"))
"""By the same name, since nearly all that is written for one suits the other. Types of columns tell
them apart, as ``with_variant(..., "mariadb")``."""
