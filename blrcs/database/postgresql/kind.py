"""PostgreSQL as a kind of database that a URL can name."""

from blrcs.database.kind import DatabaseKind
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.migrate import PostgresqlRoad

KIND = DatabaseKind(open=PostgresqlAdapter.open, road=PostgresqlRoad)
