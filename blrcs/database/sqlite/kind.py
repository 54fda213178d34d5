"""SQLite as a kind of database that a URL can name."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.kind import DatabaseKind
from blrcs.database.pool import PoolLimits, PoolObserver
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.sqlite.database import SqliteDatabase
from blrcs.database.sqlite.migrate import SqliteRoad


def path_of(url: str) -> Path:
    """The file that ``sqlite:///relative/path`` or ``sqlite:////absolute/path`` names.

    Raises:
        DatabaseOpenError: It names none.
    """
    parts = urlsplit(url)
    slash, path = unquote(parts.path)[:1], unquote(parts.path)[1:]
    if slash != "/" or not path or parts.netloc or parts.query or parts.fragment:
        raise DatabaseOpenError("database", "sqlite's URL is sqlite:///path and no more")
    return Path(path)


def file_url(path: Path) -> str:
    """The URL of a file."""
    return f"sqlite:///{quote(str(path))}"


async def open_adapter(
    url: str, limits: PoolLimits | None = None, observer: PoolObserver | None = None
) -> DatabaseAdapter:
    """Opens a file whose schema is up to date; it has no pool, so that limits are not needed."""
    del limits, observer
    path = path_of(url)
    return SqliteAdapter(SqliteDatabase.join(path), path)


KIND = DatabaseKind(open=open_adapter, road=lambda url: SqliteRoad(path_of(url)))
