"""A database with replicas against the suite: to who does not ask, it is the primary."""

from collections.abc import AsyncIterator, Iterator

import pytest

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.mysql.adapter import MysqlAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.replicas.group import ReplicaOptions, Unobserved
from blrcs.database.replicas.opening import with_replicas
from blrcs.testing.database import DatabaseConformance
from tests.servers.mariadb import PRIMARY, MariadbReplica, MariadbServer, mariadb, mariadb_replica
from tests.servers.postgresql import PostgresqlServer, postgresql_replica

NAME = "replicated"


@pytest.fixture(scope="module")
def replica(postgresql_server: PostgresqlServer) -> Iterator[PostgresqlServer]:
    postgresql_server.create_database(NAME)
    with postgresql_replica(postgresql_server) as server:
        yield server


class TestReplicated(DatabaseConformance):
    @pytest.fixture
    async def database(
        self, postgresql_server: PostgresqlServer, replica: PostgresqlServer
    ) -> AsyncIterator[DatabaseAdapter]:
        async with (
            await PostgresqlAdapter.open(postgresql_server.url(NAME)) as primary,
            with_replicas(
                primary, [replica.url(NAME)], options=ReplicaOptions(), observer=Unobserved()
            ) as database,
        ):
            yield database


@pytest.fixture(scope="module")
def mariadb_primary() -> Iterator[MariadbServer]:
    with mariadb(PRIMARY) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_copy(mariadb_primary: MariadbServer) -> Iterator[MariadbReplica]:
    with mariadb_replica(mariadb_primary) as replica:
        yield replica


class TestReplicatedMariadb(DatabaseConformance):
    @pytest.fixture
    async def database(
        self, mariadb_primary: MariadbServer, mariadb_copy: MariadbReplica
    ) -> AsyncIterator[DatabaseAdapter]:
        async with (
            await MysqlAdapter.open(mariadb_primary.url()) as primary,
            with_replicas(
                primary, [mariadb_copy.url()], options=ReplicaOptions(), observer=Unobserved()
            ) as database,
        ):
            yield database
