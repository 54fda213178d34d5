"""Callers who hold a database up, and what is answered while it is held up or gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import ATTACKER, RECORD, TEXT, VICTIM, World, collection, world
from tests.e2e.workers import TIMEOUT_S, Metadata, code, until
from tests.servers.postgresql import PostgresqlServer
from tests.transports import TRANSPORTS

TABLE = "service_accounts"
CHANGES = "record_changes"
CONNECTIONS = 2
CALLS = 6
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
DENIED = grpc.StatusCode.PERMISSION_DENIED
OK = grpc.StatusCode.OK


@dataclass
class Held:
    """A server on a PostgreSQL that a test can hold up, and which lets it have few connections."""

    world: World
    server: PostgresqlServer
    database: str

    def read(self, timeout_s: float = TIMEOUT_S) -> Any:
        """A call that reads the table, under way."""
        request = user_pb2.ListServiceAccountsRequest()
        stub = user_pb2_grpc.UserServiceStub(self.world.channel)
        return stub.ListServiceAccounts.future(
            request, metadata=self.world.admin, timeout=timeout_s
        )

    def until_reading(self, number: int) -> None:
        until(lambda: self.server.reading(self.database, TABLE) == number)

    def write(self, timeout_s: float = TIMEOUT_S) -> Any:
        """A batch of new records, under way."""
        request = record_pb2.BatchWriteRecordsRequest(parent=collection(VICTIM))
        for _ in range(2):
            create = request.writes.add().create
            create.parent = request.parent
            create.record.data.update({"text": TEXT})
        stub = record_pb2_grpc.RecordServiceStub(self.world.channel)
        return stub.BatchWriteRecords.future(request, metadata=self.world.alice, timeout=timeout_s)

    def until_writing(self, number: int) -> None:
        until(lambda: self.server.writing(self.database, CHANGES) == number)

    @contextmanager
    def full(self) -> Iterator[list[Any]]:
        """As many calls as there are connections wait for the table."""
        with self.server.locked(self.database, TABLE):
            calls = [self.read() for _ in range(CONNECTIONS)]
            self.until_reading(CONNECTIONS)
            yield calls

    def none_is_lost(self) -> None:
        """All connections can be used, and no more."""
        with self.full() as calls:
            assert self.read().code() is EXHAUSTED
        assert {each.code() for each in calls} == {OK}


@pytest.fixture(scope="module", params=TRANSPORTS)
def held(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
) -> Iterator[Held]:
    name = f"held_{request.param}"
    postgresql_server.create_database(name)
    with world(
        tmp_path_factory.mktemp("held"),
        request.param,
        BLRCS_DATABASE__URL=postgresql_server.url(name),
        BLRCS_DATABASE__POOL_SIZE=str(CONNECTIONS),
        BLRCS_DATABASE__POOL_OVERFLOW="0",
        BLRCS_DATABASE__POOL_TIMEOUT="200ms",
        BLRCS_OVERLOAD__BREAKER_OPEN="200ms",
        # Or it would ask for the plans of what waits here.
        BLRCS_DATABASE__SLOW_QUERY="0",
    ) as started:
        yield Held(started, postgresql_server, name)


def test_who_finds_no_connection_is_told_long_before_its_deadline(held: Held) -> None:
    with held.full() as calls:
        refused = [held.read() for _ in range(CALLS)]
        assert {each.code() for each in refused} == {EXHAUSTED}
        assert not any(TABLE in each.details() for each in refused)
        assert not any(each.done() for each in calls)
    assert {each.code() for each in calls} == {OK}


def test_calls_that_are_given_up_hold_no_connection(held: Held) -> None:
    with held.full() as calls:
        for _ in range(CALLS):
            for each in calls:
                each.cancel()
            # At the server too, where the table is locked all the time.
            held.until_reading(0)
            calls[:] = [held.read() for _ in range(CONNECTIONS)]
            held.until_reading(CONNECTIONS)
    assert {each.code() for each in calls} == {OK}
    held.none_is_lost()


def test_a_statement_ends_with_the_deadline_of_its_call(held: Held) -> None:
    with held.server.locked(held.database, TABLE):
        calls = [held.read(timeout_s=10) for _ in range(CONNECTIONS)]
        held.until_reading(CONNECTIONS)
        assert {each.code() for each in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        held.until_reading(0)
    held.none_is_lost()


def test_batches_that_are_written_together_end_with_their_calls(held: Held) -> None:
    with held.server.locked(held.database, CHANGES):
        first = held.write(timeout_s=10)
        held.until_writing(1)
        calls = [first, *(held.write(timeout_s=10) for _ in range(CALLS))]
        assert {each.code() for each in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        held.until_writing(0)
    assert held.write().code() is OK
    held.none_is_lost()


def test_while_the_database_is_away_nobody_may_do_more_than_before(held: Held) -> None:
    access = access_pb2_grpc.AccessServiceStub(held.world.channel)
    binding = access_pb2.CreateBindingRequest(
        binding={
            "role": "roles/records.editor",
            "members": [f"users/{ATTACKER}"],
            "resource": f"tenants/{VICTIM}",
        }
    )

    def bind() -> grpc.StatusCode:
        return code(
            lambda: access.CreateBinding(binding, metadata=held.world.admin, timeout=TIMEOUT_S)
        )

    def endings() -> list[grpc.StatusCode]:
        """Of who may, of who may not, and of nobody."""
        records = record_pb2_grpc.RecordServiceStub(held.world.channel)
        request = record_pb2.CountRecordsRequest(parent=collection(VICTIM))
        return [
            code(lambda: records.CountRecords(request, metadata=who, timeout=TIMEOUT_S))  # noqa: B023
            for who in (held.world.alice, held.world.mallory, ())
        ]

    nobody = grpc.StatusCode.UNAUTHENTICATED
    assert endings() == [OK, DENIED, nobody]
    held.server.stop()
    try:
        assert endings() == [UNAVAILABLE, DENIED, nobody]
        # What was not stored is not in force.
        assert bind() is UNAVAILABLE
        assert endings() == [UNAVAILABLE, DENIED, nobody]
        assert held.world.call(*forged(held.world))[0] is nobody
    finally:
        held.server.start()
    until(lambda: endings() == [OK, DENIED, nobody])


def forged(attacked: World) -> tuple[str, bytes, Metadata]:
    """A call with a token whose signature is another's."""
    (_, token), (_, other) = attacked.alice[0], attacked.mallory[0]
    signed, _, _ = token.rpartition(".")
    request = record_pb2.GetRecordRequest(name=f"{collection(VICTIM)}/records/{RECORD}")
    return (
        "/blrcs.v1.RecordService/GetRecord",
        request.SerializeToString(),
        [("authorization", f"{signed}.{other.rpartition('.')[2]}")],
    )
