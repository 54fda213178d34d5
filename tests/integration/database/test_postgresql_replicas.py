"""Reads from real streaming replicas, while these lag, stop, hang and come back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from blrcs.database.errors import DatabaseOpenError
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.replicas.adapter import ReplicatedDatabase
from blrcs.database.replicas.group import ReplicaOptions
from blrcs.database.replicas.opening import with_replicas
from blrcs.database.sqlite.adapter import SqliteAdapter
from blrcs.database.statement import Statement
from blrcs.domain.consistency import TOKEN_KEY
from blrcs.interceptors.consistency import keep_consistency
from blrcs.transport.router import Router
from blrcs_native.calls.call import Call
from blrcs_native.calls.method import Method
from blrcs_native.calls.pipeline import Pipeline
from tests.conformance.transport.channels import open_channel
from tests.integration.database.replicated import (
    ADD,
    ALL,
    CLOSE_S,
    GET,
    KEPT_S,
    RECOVERING,
    SET,
    Observer,
    call,
    count,
    opened,
    shows,
    until,
)
from tests.servers.postgresql import (
    STREAMING,
    PostgresqlReplica,
    PostgresqlServer,
    postgresql,
    postgresql_replica,
)

BOTH = {"replica1", "replica2"}
FAR = "wal.ffffffffffffffff"
PORT = Statement(sa.select(sa.func.inet_server_port().label("port")))
SLEEP = Statement(sa.select(sa.func.pg_sleep(600).label("slept")))


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with postgresql(STREAMING) as server:
        yield server


@pytest.fixture(scope="module")
def replicas(server: PostgresqlServer) -> Iterator[list[PostgresqlReplica]]:
    with postgresql_replica(server) as one, postgresql_replica(server) as other:
        yield [one, other]


@pytest.fixture
async def primary(server: PostgresqlServer) -> AsyncIterator[PostgresqlAdapter]:
    async with await PostgresqlAdapter.open(server.url()) as database:
        yield database


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def options() -> ReplicaOptions:
    return ReplicaOptions(max_lag_s=KEPT_S)


@pytest.fixture
async def database(
    primary: PostgresqlAdapter,
    replicas: list[PostgresqlReplica],
    observer: Observer,
    options: ReplicaOptions,
) -> AsyncIterator[ReplicatedDatabase]:
    """One whose replicas are not dropped for their lag."""
    urls = [each.url() for each in replicas]
    async with opened(primary, urls, observer, options) as database:
        await until(lambda: is_true(observer.usable == dict.fromkeys(BOTH, True)))
        await shows(database.stale, 0)
        yield database


@pytest.fixture
async def close(
    primary: PostgresqlAdapter, replicas: list[PostgresqlReplica], observer: Observer
) -> AsyncIterator[ReplicatedDatabase]:
    """One with one replica, whose lag is bounded."""
    bound = ReplicaOptions(max_lag_s=CLOSE_S)
    async with opened(primary, [replicas[0].url()], observer, bound) as database:
        await until(lambda: reads_from_replica(database))
        yield database


@pytest.fixture
def held(replicas: list[PostgresqlReplica]) -> Iterator[list[PostgresqlReplica]]:
    """Both, applying nothing until they are told to go on."""
    for each in replicas:
        each.hold()
    yield replicas
    for each in replicas:
        each.go_on()


async def reads_from_replica(database: ReplicatedDatabase) -> bool:
    row = await database.stale.fetch_one(RECOVERING)
    assert row is not None
    return bool(row.flag)


async def reads_from_primary(database: ReplicatedDatabase) -> bool:
    return not await reads_from_replica(database)


class TestChoice:
    async def test_reads_are_the_primarys_unless_they_may_be_stale(
        self, database: ReplicatedDatabase
    ) -> None:
        for row in (await database.fetch_one(RECOVERING), *await database.fetch_all(RECOVERING)):
            assert row is not None
            assert not row.flag
        async with database.transaction(read_only=True) as transaction:
            row = await transaction.fetch_one(RECOVERING)
            assert row is not None
            assert not row.flag

    async def test_replicas_take_turns(
        self, database: ReplicatedDatabase, replicas: list[PostgresqlReplica]
    ) -> None:
        rows = [(await database.stale.fetch_all(PORT))[0] for _ in range(6)]
        ports = [row.port for row in rows]
        assert ports[:2] * 3 == ports
        assert set(ports) == {each.port for each in replicas}

    async def test_a_snapshot_is_a_replicas(
        self, database: ReplicatedDatabase, observer: Observer
    ) -> None:
        async with database.stale.snapshot() as transaction:
            row = await transaction.fetch_one(RECOVERING)
            assert row is not None
            assert row.flag
            before = await transaction.fetch_all(ALL)
            await database.execute(ADD, id="a", value=1)
            await shows(database.stale, 1)
            assert await transaction.fetch_all(ALL) == before
        assert set(observer.reads) <= BOTH

    @pytest.mark.parametrize("options", [ReplicaOptions(policy="least_connections")])
    async def test_the_one_with_fewer_reads_is_preferred(
        self, database: ReplicatedDatabase, replicas: list[PostgresqlReplica]
    ) -> None:
        async with database.stale.snapshot() as transaction:
            busy = await transaction.fetch_one(PORT)
            assert busy is not None
            rows = [await database.stale.fetch_one(PORT) for _ in range(4)]
        (free,) = {each.port for each in replicas} - {busy.port}
        assert {row.port for row in rows if row is not None} == {free}


class TestTokens:
    async def test_who_shows_one_sees_what_it_stands_for(
        self, database: ReplicatedDatabase, held: list[PostgresqlReplica]
    ) -> None:
        await database.execute(ADD, id="a", value=1)
        token = await database.token()
        assert await count(database.stale) == 0
        with call(token):
            assert await count(database.stale) == 1
            assert await reads_from_primary(database)
            async with database.stale.snapshot() as transaction:
                assert len(await transaction.fetch_all(ALL)) == 1
        held[1].go_on()
        with call(token):
            await until(lambda: reads_from_replica(database))
            assert await count(database.stale) == 1

    async def test_many_writes_and_reads_miss_nothing(
        self, database: ReplicatedDatabase, observer: Observer
    ) -> None:
        for number in range(200):
            await database.execute(ADD, id=f"{number}", value=number)
            with call(await database.token()):
                assert await count(database.stale) == number + 1
        assert sum(observer.reads[name] for name in BOTH) > 0

    async def test_clients_at_the_same_time_miss_nothing_of_their_own(
        self, database: ReplicatedDatabase, observer: Observer
    ) -> None:
        async def client(number: int) -> None:
            await database.execute(ADD, id=f"{number}", value=0)
            for value in range(1, 20):
                await database.execute(SET, entry=f"{number}", new=value)
                with call(await database.token()):
                    row = await database.stale.fetch_one(GET, entry=f"{number}")
                assert row is not None
                assert row.value == value

        await asyncio.gather(*(asyncio.create_task(client(number)) for number in range(8)))
        assert sum(observer.reads[name] for name in BOTH) > 0

    async def test_all_of_several_hold(
        self, database: ReplicatedDatabase, held: list[PostgresqlReplica]
    ) -> None:
        del held
        old = await database.token()
        await database.execute(ADD, id="a", value=1)
        with call(old, await database.token()):
            assert await count(database.stale) == 1

    async def test_a_call_sees_what_it_has_written_itself(
        self, database: ReplicatedDatabase, held: list[PostgresqlReplica]
    ) -> None:
        del held
        with call() as seen:
            assert await count(database.stale) == 0
            assert not seen.has_written
            await database.execute(ADD, id="a", value=1)
            assert seen.has_written
            assert await count(database.stale) == 1

    @pytest.mark.parametrize("token", [FAR, "primary", "", "wal.", "wal.x", "wal." + "f" * 17])
    async def test_one_that_nobody_gave_is_answered_by_the_primary(
        self, database: ReplicatedDatabase, token: str
    ) -> None:
        with call(token):
            assert await reads_from_primary(database)
        assert await reads_from_replica(database)

    async def test_one_from_far_ahead_costs_others_nothing(
        self, database: ReplicatedDatabase, observer: Observer
    ) -> None:
        async def forged() -> bool:
            with call(FAR):
                return await reads_from_primary(database)

        forging = [asyncio.create_task(forged()) for _ in range(200)]
        await asyncio.sleep(0)
        assert await reads_from_replica(database)
        assert all(await asyncio.gather(*forging))
        assert observer.reads["primary"] == 200

    async def test_without_the_primary_it_says_to_ask_the_primary(
        self, primary: PostgresqlAdapter, database: ReplicatedDatabase
    ) -> None:
        await primary.close()
        assert await database.token() == "primary"


class TestCalls:
    """A service over the database, behind the middleware and a real transport."""

    @pytest.fixture
    async def channel(self, database: ReplicatedDatabase) -> AsyncIterator[Any]:
        async def put(request: bytes, call: Call) -> bytes:
            del call
            await database.execute(ADD, id=request.decode(), value=1)
            return b""

        async def tell(request: bytes, call: Call) -> bytes:
            del request, call
            both = await asyncio.gather(count(database.stale), count(database.stale))
            return repr(both).encode()

        keep = keep_consistency(database.token)
        pipelines = {}
        for name, handler in {"/e.E/Put": put, "/e.E/Count": tell}.items():
            method = Method(
                name, client_streaming=False, server_streaming=False, parse=None, serialize=None
            )
            pipelines[name] = Pipeline(method, keep(method, handler))
        async with open_channel("native", Router(pipelines)) as channel:
            yield channel

    async def test_a_client_that_shows_its_token_reads_its_own_writes(
        self, channel: Any, held: list[PostgresqlReplica]
    ) -> None:
        del held
        putting = channel.unary_unary("/e.E/Put")(b"a")
        await putting
        token = dict(await putting.trailing_metadata())[TOKEN_KEY]
        counting = channel.unary_unary("/e.E/Count")
        assert await counting(b"") == b"[0, 0]"
        assert await counting(b"", metadata=((TOKEN_KEY, token),)) == b"[1, 1]"
        assert await counting(b"") == b"[0, 0]"


class TestHealth:
    async def test_one_that_lags_is_dropped_and_taken_back(
        self, close: ReplicatedDatabase, held: list[PostgresqlReplica], observer: Observer
    ) -> None:
        await close.execute(ADD, id="a", value=1)
        await shows(close.stale, 1)
        assert await reads_from_primary(close)
        await until(lambda: told(observer, usable=False))
        held[0].go_on()
        await until(lambda: reads_from_replica(close))
        assert await count(close.stale) == 1
        await until(lambda: told(observer, usable=True))

    async def test_one_that_is_cut_off_from_its_primary_is_dropped(
        self, close: ReplicatedDatabase, server: PostgresqlServer
    ) -> None:
        """It has all that it was ever sent, and yet what it has grows old."""
        server.stop()
        try:
            await until(lambda: is_dropped(close))
        finally:
            server.start()
        await until(lambda: reads_from_replica(close))

    async def test_one_that_stops_costs_no_read(
        self, close: ReplicatedDatabase, replicas: list[PostgresqlReplica], observer: Observer
    ) -> None:
        replicas[0].stop()
        try:
            assert await reads_from_primary(close)
            await until(lambda: told(observer, usable=False))
        finally:
            replicas[0].start()
        await until(lambda: reads_from_replica(close))

    async def test_one_that_is_killed_while_many_read_costs_no_read(
        self, database: ReplicatedDatabase, replicas: list[PostgresqlReplica], observer: Observer
    ) -> None:
        done = asyncio.Event()

        async def client() -> int:
            reads = 0
            while not done.is_set():
                assert await count(database.stale) == 0
                reads += 1
            return reads

        clients = [asyncio.create_task(client()) for _ in range(8)]
        await until(lambda: is_true(sum(observer.reads.values()) > 20))
        replicas[0].kill_all()
        try:
            await until(lambda: told(observer, usable=False))
        finally:
            replicas[0].start()
        await until(lambda: told(observer, usable=True))
        done.set()
        assert all(await asyncio.gather(*clients))

    async def test_one_that_hangs_holds_no_read(
        self, close: ReplicatedDatabase, replicas: list[PostgresqlReplica]
    ) -> None:
        replicas[0].pause()
        try:
            async with asyncio.timeout(30):
                assert await reads_from_primary(close)
        finally:
            replicas[0].resume()
        await until(lambda: reads_from_replica(close))

    async def test_a_read_that_is_given_up_leaves_nothing_behind(
        self, close: ReplicatedDatabase, replicas: list[PostgresqlReplica]
    ) -> None:
        (replica,) = close._group.replicas
        reading = asyncio.create_task(close.stale.fetch_one(SLEEP))
        await until(lambda: is_true(replica.in_flight == 1))
        reading.cancel()
        await asyncio.wait([reading])
        assert replica.in_flight == 0
        assert not replica.running
        del replicas

    async def test_one_that_cannot_be_reached_keeps_nobody_from_starting(
        self,
        primary: PostgresqlAdapter,
        replicas: list[PostgresqlReplica],
        observer: Observer,
        options: ReplicaOptions,
    ) -> None:
        replicas[0].stop()
        try:
            async with opened(primary, [replicas[0].url()], observer, options) as database:
                assert await reads_from_primary(database)
                replicas[0].start()
                await until(lambda: reads_from_replica(database))
        finally:
            replicas[0].restart()

    async def test_what_is_no_replica_of_the_primary_is_never_read(
        self,
        primary: PostgresqlAdapter,
        server: PostgresqlServer,
        postgresql_server: PostgresqlServer,
        observer: Observer,
        options: ReplicaOptions,
    ) -> None:
        urls = [server.url(), postgresql_server.url()]
        async with opened(primary, urls, observer, options) as database:
            assert await reads_from_primary(database)
            assert observer.usable == dict.fromkeys(BOTH, False)


async def told(observer: Observer, *, usable: bool) -> bool:
    return observer.usable["replica1"] is usable


async def is_true(value: bool) -> bool:
    return value


async def is_dropped(database: ReplicatedDatabase) -> bool:
    (replica,) = database._group.replicas
    return not database._group.keeps_up(replica)


async def test_kinds_without_replicas_are_refused(
    tmp_path_factory: pytest.TempPathFactory, observer: Observer, options: ReplicaOptions
) -> None:
    path = tmp_path_factory.mktemp("sqlite") / "file.db"
    primary = SqliteAdapter.open(path)
    with pytest.raises(DatabaseOpenError, match="only PostgreSQL and MariaDB"):
        async with with_replicas(primary, ["x"], options=options, observer=observer):
            pass
    await primary.close()
