"""MySQL's adapter where callers give up, and the server restarts, hangs or refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncmy
import pytest
import sqlalchemy as sa
from asyncmy.errors import MySQLError
from sqlalchemy.schema import CreateTable, DropTable

from blrcs.database.adapter import Isolation
from blrcs.database.errors import DatabaseOpenError
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.mysql.connector import KILL_TIMEOUT_S
from blrcs.database.pool import PoolLimits, Unobserved
from blrcs.database.statement import Statement
from blrcs.database.types import KEY
from blrcs.domain.errors import UnavailableError
from tests.certificates import make_certificate
from tests.servers.mariadb import QUICK, USER, MariadbServer, mariadb

Root = Callable[[str], Awaitable[tuple[Any, ...]]]

# Unlike a sleep it does not look now and then whether its client is still there.
work = sa.func.benchmark(sa.literal_column("10000000000"), sa.func.sha2("a", 512))
rows = sa.Table("faults", sa.MetaData(), sa.Column("id", KEY, primary_key=True))
ADD = Statement(sa.insert(rows))
ALL = Statement(sa.select(rows).order_by(rows.c.id))
TOIL = Statement(sa.select(work.label("done")))
ADD_SLOWLY = Statement(
    sa.insert(rows).from_select(["id"], sa.select(sa.func.concat(sa.bindparam("prefix"), work)))
)
ONE = Statement(sa.select(sa.literal_column("1").label("one")))
REFUSED = (
    "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'connection_errors_max_connections'"
)
RUNNING = (
    "SELECT id FROM information_schema.processlist"
    f" WHERE user = '{USER}' AND info LIKE '%benchmark(%'"
)
CONNECTIONS = f"SELECT id FROM information_schema.processlist WHERE user = '{USER}'"
LIMITS = PoolLimits(size=2, overflow=0, timeout_s=30)
PATIENCE_S = KILL_TIMEOUT_S + 30
"""Far longer than it takes; far shorter than what is toiled at."""


class InUse(Unobserved):
    """Counts connections that are lent."""

    count = 0

    def in_use(self, change: int) -> None:
        self.count += change


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's certificate."""
    folder = tmp_path_factory.mktemp("tls")
    made = make_certificate(folder)
    (folder / "key.pem").write_bytes(made.key)
    return made.path


@pytest.fixture(scope="module")
def server(certificate: Path) -> Iterator[MariadbServer]:
    """A server of these tests' own, since they stop it."""
    tls = {"ssl-cert": str(certificate), "ssl-key": str(certificate.with_name("key.pem"))}
    with mariadb(QUICK | tls) as server:
        yield server


@pytest.fixture
def root(server: MariadbServer) -> Root:
    """Runs what the server's owner asks, and returns the rows."""

    async def ask(sql: str) -> tuple[Any, ...]:
        connection = await asyncmy.connect(user="root", unix_socket=str(server.socket))
        async with connection, connection.cursor() as cursor:
            await cursor.execute(sql)
            return tuple(await cursor.fetchall())

    return ask


@pytest.fixture
async def database(server: MariadbServer) -> AsyncIterator[MysqlAdapter]:
    async with await MysqlAdapter.open(server.url(), LIMITS) as database:
        await database.define(DropTable(rows, if_exists=True), CreateTable(rows))
        yield database


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns when it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def running(root: Root) -> tuple[Any, ...]:
    """What the server runs; waits until there is something."""
    await until(lambda: _count(root, 1))
    return await root(RUNNING)


async def _count(root: Root, least: int) -> bool:
    return len(await root(RUNNING)) >= least


async def idle(root: Root) -> None:
    """Waits until the server runs nothing."""

    async def nothing() -> bool:
        return not await root(RUNNING)

    await until(nothing)


# Callers that give up ----------------------------------------------------------------------------


async def test_a_query_ends_with_its_caller(database: MysqlAdapter, root: Root) -> None:
    queries = [asyncio.create_task(database.fetch_one(TOIL)) for _ in range(2)]
    await running(root)
    for query in queries:
        query.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError)
        for each in await asyncio.gather(*queries, return_exceptions=True)
    )
    await idle(root)
    for _ in range(5):
        await database.check()
    assert len(await root(CONNECTIONS)) <= LIMITS.size


async def test_those_who_give_up_at_once_need_one_connection_more(
    server: MariadbServer, root: Root
) -> None:
    await root("SET GLOBAL max_connections = 10")  # no fewer can be set
    ((refused,),) = await root(REFUSED)
    try:
        database = await MysqlAdapter.open(server.url(), PoolLimits(size=9))
        async with database, AsyncExitStack() as held:
            await held.enter_async_context(database.transaction())
            queries = [asyncio.create_task(database.fetch_one(TOIL)) for _ in range(5)]
            await until(lambda: _count(root, len(queries)))
            for query in queries:
                query.cancel()
            await asyncio.gather(*queries, return_exceptions=True)
            await idle(root)
        assert await root(REFUSED) == ((refused,),)
    finally:
        await root("SET GLOBAL max_connections = 60")


async def test_a_write_ends_with_its_caller(database: MysqlAdapter, root: Root) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(ADD, id="a")
            await transaction.execute(ADD_SLOWLY, prefix="b")

    task = asyncio.create_task(write())
    await running(root)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.execute(ADD, id="a")  # waits until the other one is rolled back
    assert [row.id for row in await database.fetch_all(ALL)] == ["a"]
    await idle(root)


async def test_many_who_give_up_leave_nothing(database: MysqlAdapter, root: Root) -> None:
    for _ in range(20):
        tasks = [asyncio.create_task(database.fetch_one(TOIL)) for _ in range(5)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with database.transaction() as transaction:
        assert await transaction.fetch_all(ALL) == []
    await idle(root)
    assert len(await root(CONNECTIONS)) <= LIMITS.size


# Connections that are lost --------------------------------------------------------------------


async def test_nobody_notices_a_connection_that_was_ended_while_idle(
    database: MysqlAdapter, root: Root
) -> None:
    for _ in range(20):
        await database.check()
        for (connection,) in await root(CONNECTIONS):
            await root(f"KILL {connection}")
        assert await database.fetch_all(ALL) == []


async def test_nobody_notices_a_restart(database: MysqlAdapter, server: MariadbServer) -> None:
    await database.execute(ADD, id="a")
    async with database.transaction():
        await database.check()  # now there are two
    server.restart()
    async with database.transaction(read_only=True) as transaction:
        assert [row.id for row in await transaction.fetch_all(ALL)] == ["a"]
        await database.execute(ADD, id="b")


@pytest.mark.parametrize("isolation", Isolation)
async def test_a_connection_ended_in_use_is_told_once(
    database: MysqlAdapter, root: Root, isolation: Isolation
) -> None:
    async def write() -> None:
        async with database.transaction(isolation=isolation) as transaction:
            await transaction.execute(ADD, id="a")
            await transaction.execute(ADD_SLOWLY, prefix="b")

    task = asyncio.create_task(write())
    ((connection,),) = await running(root)
    await root(f"KILL {connection}")
    with pytest.raises(UnavailableError) as caught:
        await task
    assert "DATABASE_UNAVAILABLE" in caught.value.reason
    assert "MySQL" not in str(caught.value)
    assert isinstance(caught.value.__cause__, MySQLError)
    assert await database.fetch_all(ALL) == []


async def test_a_server_that_is_gone_is_unavailable(
    database: MysqlAdapter, server: MariadbServer
) -> None:
    server.stop()
    try:
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                await database.fetch_all(ALL)
            assert str(server.port) not in str(caught.value)
        with pytest.raises(UnavailableError):
            await database.check()
    finally:
        server.start()
    await database.check()


async def test_too_many_connections_are_unavailable(server: MariadbServer, root: Root) -> None:
    await root("SET GLOBAL max_connections = 10")
    try:
        many = await MysqlAdapter.open(server.url(), PoolLimits(size=30, overflow=0))
        async with many, AsyncExitStack() as held:
            for _ in range(10):  # and one is kept for the owner
                await held.enter_async_context(many.transaction())
            with pytest.raises(UnavailableError):
                await many.check()
    finally:
        await root("SET GLOBAL max_connections = 60")


# A server that hangs --------------------------------------------------------------------------


async def test_callers_give_up_on_a_server_that_hangs(
    database: MysqlAdapter, server: MariadbServer
) -> None:
    await database.execute(ADD, id="a")
    server.pause()
    try:
        async with asyncio.timeout(KILL_TIMEOUT_S):  # less than all of them together would take
            for _ in range(6):  # the last ones find no connection
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await database.fetch_all(ALL)
    finally:
        server.resume()
    assert [row.id for row in await database.fetch_all(ALL)] == ["a"]


async def test_a_block_can_be_left_on_a_server_that_hangs(
    database: MysqlAdapter, server: MariadbServer
) -> None:
    async def write() -> None:
        async with asyncio.timeout(None) as timeout, database.transaction() as transaction:
            await transaction.execute(ADD, id="a")
            server.pause()
            timeout.reschedule(0)
            await asyncio.Event().wait()

    try:
        async with asyncio.timeout(KILL_TIMEOUT_S):
            with pytest.raises(TimeoutError):
                await write()
    finally:
        server.resume()
    await database.execute(ADD, id="a")


async def test_an_adapter_can_be_closed_on_a_server_that_hangs(
    server: MariadbServer, root: Root
) -> None:
    observer = InUse()
    database = await MysqlAdapter.open(server.url(), LIMITS, observer)
    task = asyncio.create_task(database.fetch_one(TOIL))
    await running(root)
    server.pause()
    try:
        task.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await database.close()
        assert observer.count == 0
    finally:
        server.resume()
    with pytest.raises(asyncio.CancelledError):
        await task
    for (connection,) in await root(RUNNING):  # it could not be told, and finds out by itself
        await root(f"KILL {connection}")


# Opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("rrect%3A", "rrect", "Access denied"),
        ("test_db", "other_db", "denied"),
        ("mysql://", "postgresql://", "has to begin with"),
        ("/test_db", "", "a user and a database"),
        ("test_db", "test_db?pool=3", "unknown parameters: pool"),
        ("test_db", "test_db?ssl-mode=maybe", "ssl-mode"),
        ("test_db", "test_db?socket=/none", "cannot be opened"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(
    server: MariadbServer, before: str, after: str, problem: str
) -> None:
    with pytest.raises(DatabaseOpenError, match=problem) as caught:
        await MysqlAdapter.open(server.url().replace(before, after, 1))
    assert "horse" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named(server: MariadbServer) -> None:
    url = server.url().replace(str(server.port), "1")
    with pytest.raises(DatabaseOpenError, match=r"test_db at 127.0.0.1:1: cannot be opened"):
        await MysqlAdapter.open(url)


async def test_a_socket_will_do(server: MariadbServer) -> None:
    async with await MysqlAdapter.open(server.url(f"?socket={server.socket}")) as database:
        await database.check()


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
async def test_tls_is_spoken(server: MariadbServer, certificate: Path, mode: str) -> None:
    cipher = Statement(
        sa.text(
            "SELECT variable_value AS cipher FROM information_schema.session_status"
            " WHERE variable_name = 'ssl_cipher'"
        ).columns(sa.column("cipher", sa.Text))
    )
    query = f"?ssl-mode={mode}&ssl-ca={certificate}"
    async with await MysqlAdapter.open(server.url(query)) as database:
        row = await database.fetch_one(cipher)
        assert row is not None
        assert row.cipher


@pytest.mark.parametrize("mode", ["verify_ca", "verify_identity"])
async def test_a_certificate_that_is_not_trusted_is_refused(
    server: MariadbServer, mode: str
) -> None:
    with pytest.raises(DatabaseOpenError, match="certificate verify failed"):
        await MysqlAdapter.open(server.url(f"?ssl-mode={mode}"))


async def test_a_certificate_of_another_host_is_refused(
    server: MariadbServer, certificate: Path
) -> None:
    url = server.url(f"?ssl-ca={certificate}&ssl-mode=").replace("127.0.0.1", "127.1")
    async with await MysqlAdapter.open(f"{url}verify_ca") as database:
        await database.check()
    with pytest.raises(DatabaseOpenError, match="Hostname mismatch"):
        await MysqlAdapter.open(f"{url}verify_identity")
