"""How SQLite wants its SQL."""

from sqlalchemy.dialects import sqlite

from blrcs.database.dialect import Dialect

SQLITE = Dialect("sqlite", sqlite.dialect(paramstyle="qmark"))
