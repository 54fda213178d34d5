"""Somebody who has nothing of a database but that it lets them in tells its servers what is new."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import grpc
import pytest

from blrcs.database.postgresql.announcer import CHANNEL, TELL
from blrcs.resilience.traffic import HEARD_AT_ONCE
from blrcs.v1 import (
    access_pb2,
    access_pb2_grpc,
    auth_pb2,
    auth_pb2_grpc,
    record_pb2,
    record_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from tests.attacks.world import RECORD, TEXT, VICTIM, World, collection, world
from tests.e2e.workers import TIMEOUT_S, Metadata, bearer, code, sign_in, until
from tests.servers.postgresql import PostgresqlServer
from tests.transports import TRANSPORTS

STRANGER, PASSWORD = "stranger", "whatever"
OK = grpc.StatusCode.OK
DENIED = grpc.StatusCode.PERMISSION_DENIED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
PAYLOADS = [
    "'stored'",
    "'*'",
    f"'{collection(VICTIM)}'",
    f"'{collection(VICTIM)}/records/{RECORD}'",
    "'users/admin'",
    "repeat('* ', 3900)",
    "repeat('x', 7900)",
    "''",
]
FLOOD = (
    f"SELECT pg_notify('{CHANNEL}', 'stored ' || number)"
    f" FROM generate_series(1, {3 * HEARD_AT_ONCE}) AS made (number)"
)


class Told:
    """A server on a PostgreSQL, and a stranger's connection to that."""

    def __init__(self, attacked: World, url: str, owners_url: str) -> None:
        self.world = attacked
        self._url = url
        self._owners_url = owners_url
        self.get = record_pb2.GetRecordRequest(name=f"{collection(VICTIM)}/records/{RECORD}")
        self.records = record_pb2_grpc.RecordServiceStub(attacked.channel)

    def run(self, *statements: str) -> None:
        asyncio.run(_fetch(self._url, *statements))

    def listeners(self) -> set[int]:
        """The server's connections that are told what is new."""
        asked = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            f" AND (query ILIKE 'LISTEN %{CHANNEL}%' OR query = $${TELL}$$)"
        )
        return {row["pid"] for row in asyncio.run(_fetch(self._owners_url, asked))}

    def watch(self) -> Any:
        """A watch that has begun."""
        request = record_pb2.WatchRecordsRequest(parent=collection(VICTIM))
        found = self.records.WatchRecords(request, metadata=self.world.alice, timeout=TIMEOUT_S)
        next(found)
        return found

    def write(self, text: str) -> None:
        request = record_pb2.UpdateRecordRequest(record={"name": self.get.name})
        request.record.data.update({"text": text})
        self.records.UpdateRecord(request, metadata=self.world.alice)

    def endings(self, revoked: Metadata) -> list[grpc.StatusCode]:
        """Of who may read, who may not, whose session has ended, and of nobody."""
        return [
            code(lambda: self.records.GetRecord(self.get, metadata=who, timeout=TIMEOUT_S))  # noqa: B023
            for who in (self.world.alice, self.world.mallory, revoked, [])
        ]


@pytest.fixture(scope="module", params=TRANSPORTS)
def told(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgresql_server: PostgresqlServer,
) -> Iterator[Told]:
    name = f"told_{request.param}"
    postgresql_server.create_database(name)
    postgresql_server.create_user(f"{STRANGER}_{request.param}", PASSWORD)
    with world(
        tmp_path_factory.mktemp("told"),
        request.param,
        BLRCS_DATABASE__URL=postgresql_server.url(name),
        BLRCS_DATABASE__REFRESH_INTERVAL="1m",
        BLRCS_RECORDS__COPIES="1MiB",
    ) as started:
        yield Told(
            started,
            postgresql_server.url(name, user=f"{STRANGER}_{request.param}", password=PASSWORD),
            postgresql_server.url(name),
        )


async def _fetch(url: str, *statements: str) -> list[Any]:
    """The rows of the last one."""
    connection = await asyncpg.connect(url)
    try:
        rows: list[Any] = []
        for each in statements:
            rows = await connection.fetch(each)
        return rows
    finally:
        await connection.close()


@pytest.fixture
def revoked(told: Told) -> Metadata:
    """A token that was good."""
    found = bearer(sign_in(told.world.channel, VICTIM))
    assert code(lambda: told.records.GetRecord(told.get, metadata=found)) is OK
    auth = auth_pb2_grpc.AuthServiceStub(told.world.channel)
    auth.SignOut(auth_pb2.SignOutRequest(), metadata=found)
    return found


def test_what_is_made_up_is_neither_believed_nor_has_anything_forgotten(
    told: Told, revoked: Metadata
) -> None:
    before = told.world.state()
    watch = told.watch()
    # Of this there is a copy from now on.
    assert told.records.GetRecord(told.get, metadata=told.world.alice).data["text"] == TEXT
    told.run(*(f"SELECT pg_notify('{CHANNEL}', {payload})" for payload in PAYLOADS * 20))
    assert told.endings(revoked) == [OK, DENIED, UNAUTHENTICATED, UNAUTHENTICATED]
    assert told.records.GetRecord(told.get, metadata=told.world.alice).data["text"] == TEXT
    assert told.world.state() == before
    # What there really is comes next, and nothing before it.
    for text in ("other", TEXT):
        told.write(text)
        assert next(watch).record.data["text"] == text
        assert told.records.GetRecord(told.get, metadata=told.world.alice).data["text"] == text
    watch.cancel()


def test_a_flood_changes_nothing_and_what_was_revoked_stays_so(
    told: Told, revoked: Metadata
) -> None:
    watch = told.watch()
    told.run(FLOOD)
    until(lambda: "more is announced than is listened to" in told.world.server.stderr)
    assert told.endings(revoked) == [OK, DENIED, UNAUTHENTICATED, UNAUTHENTICATED]
    # Changes are in force here as they ever were.
    access = access_pb2_grpc.AccessServiceStub(told.world.channel)
    request = access_pb2.UpdateBindingRequest(
        binding={"name": f"bindings/{VICTIM}", "resource": "tenants/nobody"},
        update_mask={"paths": ["resource"]},
    )
    access.UpdateBinding(request, metadata=told.world.admin)
    assert told.endings(revoked)[0] is DENIED
    request.binding.resource = f"tenants/{VICTIM}"
    access.UpdateBinding(request, metadata=told.world.admin)
    told.write("other")
    assert next(watch).record.data["text"] == "other"
    watch.cancel()
    told.write(TEXT)
    # Of many floods it is said once. Who hears one ends its connection, and says what it has to
    # say before it comes with another.
    until(lambda: bool(told.listeners()))
    heard = told.listeners()
    told.run(FLOOD)
    until(lambda: heard.isdisjoint(told.listeners()))
    until(lambda: bool(told.listeners()))
    users = user_pb2_grpc.UserServiceStub(told.world.channel)
    users.ListUsers(user_pb2.ListUsersRequest(), metadata=told.world.admin)
    assert told.world.server.stderr.count("more is announced") == 1
