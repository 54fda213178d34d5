"""URLs of SQLite's files; whoever only names one does not load what opens it."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from blrcs.database.errors import DatabaseOpenError


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
