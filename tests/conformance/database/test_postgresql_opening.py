"""How PostgreSQL's adapter is opened, and what it says where it cannot be."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.postgresql.connection import Connection, place
from blrcs.database.statement import Statement
from tests.servers.postgresql import PASSWORD, USER, PostgresqlServer

SECRET = "s3cr3t"


async def refused(url: str) -> str:
    with pytest.raises(DatabaseOpenError) as caught:
        await PostgresqlAdapter.open(url, connect_timeout_s=5)
    line = str(caught.value)
    assert "\n" not in line
    assert SECRET not in line
    assert caught.value.__cause__ is None
    return line


async def setting(database: PostgresqlAdapter, name: str) -> str:
    current = Statement(sa.select(sa.func.current_setting(sa.literal(name)).label("value")))
    return (await database.fetch_one(current)).value


@pytest.fixture
async def latin1(postgresql_server: PostgresqlServer) -> AsyncIterator[str]:
    """The name of a database that is not encoded in UTF-8."""
    admin = await asyncpg.connect(postgresql_server.url())
    await admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    yield "latin"
    await admin.execute("DROP DATABASE latin WITH (FORCE)")
    await admin.close()


async def test_nobody_listens() -> None:
    line = await refused(f"postgresql://user:{SECRET}@127.0.0.1:1/orders?sslmode=disable")
    assert line.startswith("postgresql://127.0.0.1:1/orders: cannot be reached: ")


async def test_the_password_is_wrong(postgresql_server: PostgresqlServer) -> None:
    line = await refused(postgresql_server.url(password=SECRET))
    assert line == (
        f"postgresql://127.0.0.1:{postgresql_server.port}/postgres: "
        f'the server refuses: password authentication failed for user "{USER}"'
    )


async def test_there_is_no_such_database(postgresql_server: PostgresqlServer) -> None:
    line = await refused(postgresql_server.url("missing"))
    assert line.endswith('/missing: the server refuses: database "missing" does not exist')


async def test_the_server_has_no_tls(postgresql_server: PostgresqlServer) -> None:
    line = await refused(postgresql_server.url(query="?sslmode=require"))
    assert "cannot be reached" in line
    assert "SSL" in line


async def test_the_server_does_not_answer(postgresql_server: PostgresqlServer) -> None:
    postgresql_server.pause()
    try:
        with pytest.raises(DatabaseOpenError, match=r"does not answer within 0\.1 s$"):
            await PostgresqlAdapter.open(postgresql_server.url(), connect_timeout_s=0.1)
    finally:
        postgresql_server.resume()


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/name",
        f"postgresql://user:{SECRET}@host:{SECRET}/name",
        f"postgresql://user:{SECRET}@[host/name",
        f"postgresql://user:{SECRET}@host/name?sslmode={SECRET}",
        f"postgresql://user:a/{SECRET}@host/name",
        f"postgresql://user:a#{SECRET}@host/name",
        f"postgresql://user:a?{SECRET}@host/name",
        f"postgresql:///name?host=127.0.0.1&port=x&password={SECRET}",
        SECRET,
    ],
)
async def test_the_url_is_wrong(url: str) -> None:
    line = await refused(url)
    assert line.startswith("postgresql: the URL is not one of PostgreSQL")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://user:pass@host:5432/name?sslmode=require", "postgresql://host:5432/name"),
        ("postgresql://user@one,two/name", "postgresql://one,two/name"),
        ("postgresql:///name?host=/run/postgresql&password=x", "postgresql:///run/postgresql/name"),
        ("postgresql://user:a/b@host/name", "postgresql"),
        ("postgresql://[host/name", "postgresql"),
    ],
)
def test_the_place_of_a_url_has_no_secret(url: str, named: str) -> None:
    assert place(url) == named


async def test_the_database_cannot_hold_all_texts(
    postgresql_server: PostgresqlServer, latin1: str
) -> None:
    line = await refused(postgresql_server.url(latin1))
    assert line.endswith("/latin: is encoded in LATIN1; it has to be UTF8")


async def test_parameters_reach_the_server(postgresql_server: PostgresqlServer) -> None:
    url = postgresql_server.url(query="?application_name=orders&sslmode=disable")
    async with await PostgresqlAdapter.open(url) as database:
        assert await setting(database, "application_name") == "orders"


async def test_the_server_knows_it_by_its_name(postgresql_server: PostgresqlServer) -> None:
    async with await PostgresqlAdapter.open(postgresql_server.url()) as database:
        assert await setting(database, "application_name") == "blrcs"


async def test_by_its_socket(postgresql_server: PostgresqlServer) -> None:
    query = f"?host={postgresql_server.directory}&port={postgresql_server.port}"
    url = f"postgresql:///postgres{query}&user={USER}&password={PASSWORD}"
    async with await PostgresqlAdapter.open(url) as database:
        await database.check()


async def test_a_host_that_is_gone_is_noticed(postgresql_server: PostgresqlServer) -> None:
    connection = await Connection.open(postgresql_server.url())
    try:
        connected = connection._transport.get_extra_info("socket")
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
    finally:
        connection.terminate()


async def test_with_the_password_of_the_environment(
    postgresql_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = f"postgresql://{USER}@127.0.0.1:{postgresql_server.port}/postgres"
    async with await PostgresqlAdapter.open(url) as database:
        await database.check()


async def test_with_the_password_of_a_file(
    postgresql_server: PostgresqlServer, tmp_path: Path
) -> None:
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"127.0.0.1:{postgresql_server.port}:*:{USER}:{PASSWORD}\n")
    passfile.chmod(0o600)
    place_ = f"127.0.0.1:{postgresql_server.port}/postgres"
    async with await PostgresqlAdapter.open(
        f"postgresql://{USER}@{place_}?passfile={passfile}"
    ) as database:
        await database.check()
