"""SQLite as a kind of database that a URL can name."""

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.kind import DatabaseKind
from blrcs.database.pool import PoolLimits, PoolObserver
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.file_url import path_of
from blrcs.database.sqlite.migrate import SqliteRoad


async def open_adapter(
    url: str, limits: PoolLimits | None = None, observer: PoolObserver | None = None
) -> DatabaseAdapter:
    """Opens a file whose schema is up to date; it has no pool, so that limits are not needed."""
    del limits, observer
    path = path_of(url)
    return SqliteAdapter(SqliteDatabase.join(path), path)


KIND = DatabaseKind(open=open_adapter, road=lambda url: SqliteRoad(path_of(url)))
