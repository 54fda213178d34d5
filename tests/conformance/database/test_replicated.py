"""A database with replicas against the suite: to who does not ask, it is the primary."""

from collections.abc import AsyncIterator, Iterator

import pytest

from blrcs.database.adapter import DatabaseAdapter
from blrcs.database.postgresql.adapter import PostgresqlAdapter
from blrcs.database.replicas.group import ReplicaOptions, Unobserved
from blrcs.database.replicas.opening import with_replicas
from blrcs.testing.database import DatabaseConformance
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
