"""What ``blrcs db --sql`` prints is run by hand, by each database's own program."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import new_database
from tests.e2e.server import blrcs
from tests.servers.mariadb import MariadbServer
from tests.servers.postgresql import PostgresqlServer

ByHand = Callable[[str], None]


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "mysql"])
def scheme(request: pytest.FixtureRequest) -> str:
    """What the URL begins with; ``mysql`` names a MariaDB as well."""
    return str(request.param)


@pytest.fixture
def url(scheme: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without tables."""
    kind = "mariadb" if scheme == "mysql" else scheme
    _, separator, place = new_database(kind, request, tmp_path).partition("://")
    return f"{scheme}{separator}{place}"


@pytest.fixture
def by_hand(scheme: str, url: str, request: pytest.FixtureRequest) -> ByHand:
    """Runs a text on it."""
    name = urlsplit(url).path.removeprefix("/")
    if scheme == "sqlite":
        return lambda text: _to_file(Path(name), text)
    if scheme == "postgresql":
        postgresql: PostgresqlServer = request.getfixturevalue("postgresql_server")
        return lambda text: postgresql.run(text, database=name)
    mariadb: MariadbServer = request.getfixturevalue("mariadb_server")
    return lambda text: mariadb.run(f"USE {name};\n{text}")


def _to_file(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(text)


def test_what_is_printed_migrates_up_and_down(url: str, by_hand: ByHand, tmp_path: Path) -> None:
    def db(*arguments: str) -> str:
        done = blrcs("db", *arguments, cwd=tmp_path, environ={"BLRCS_DATABASE__URL": url})
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    by_hand(db("upgrade", "--sql"))
    assert db("check").startswith("OK: ")
    by_hand(db("downgrade", "base", "--sql"))
