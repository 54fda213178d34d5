"""How PostgreSQL wants its SQL."""

from sqlalchemy.dialects.postgresql import asyncpg

from blrcs.database.dialect import Dialect

POSTGRESQL = Dialect("postgresql", asyncpg.dialect(), has_booleans=True)
