"""Files of SQLite that are up to date, for tests that are not about how they come to be so."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from blrcs.database.data_directory import FILE_MODE
from blrcs.database.sqlite.database import connect_up_to_date


def make_migrated(path: Path) -> Path:
    """Puts one without rows where there is none yet; the migrations run once in each process."""
    if not path.exists():
        path.touch(FILE_MODE)
        path.write_bytes(_migrated())
    return path


@cache
def _migrated() -> bytes:
    with TemporaryDirectory(prefix="migrated-") as folder:
        path = Path(folder, "blrcs.db")
        connect_up_to_date(path).close()
        return path.read_bytes()
