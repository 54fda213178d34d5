"""Servers on several machines hear at once what another has stored, long before they would look."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from blrcs.v1 import auth_pb2, auth_pb2_grpc, record_pb2, record_pb2_grpc, user_pb2, user_pb2_grpc
from tests.conftest import new_database
from tests.e2e.conftest import Start
from tests.e2e.machines import channels_of, start_two
from tests.e2e.workers import (
    FIRST_PASSWORD,
    PASSWORD,
    Metadata,
    administrator,
    bearer,
    code,
    sign_in,
    until,
)
from tests.servers.redis import RedisServer

REFRESH_INTERVAL = "1m"
SOON_S = 25
"""Far above what an announcement takes, and below what the next look of any kind does."""
PARENT = "tenants/acme/collections/orders"
KILL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_notify%')"
)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database("postgresql", request, tmp_path)


@pytest.fixture(params=["postgresql", "redis"])
def channels(
    request: pytest.FixtureRequest, start: Start, tmp_path: Path, database_url: str
) -> Iterator[list[grpc.Channel]]:
    """To two servers, each with a folder of its own, that tell each other in this way."""
    environ = {
        "BLRCS_DATABASE__URL": database_url,
        "BLRCS_DATABASE__REFRESH_INTERVAL": REFRESH_INTERVAL,
        "BLRCS_RECORDS__COPIES": "1MiB",
        "BLRCS_AUTH__INITIAL_ADMIN_PASSWORD": FIRST_PASSWORD,
        "BLRCS_POLICIES": json.dumps(
            {f"/blrcs.v1.{name}Service/*": {"limits": []} for name in ("Auth", "User", "Record")}
        ),
    }
    if request.param == "redis":
        redis: RedisServer = request.getfixturevalue("redis_server")
        environ["BLRCS_REDIS__URL"] = redis.url()
    with channels_of(start_two(start, tmp_path, **environ)) as opened:
        yield opened


@pytest.fixture
def admin(channels: list[grpc.Channel]) -> Metadata:
    found = administrator(channels)
    record_pb2_grpc.RecordServiceStub(channels[0]).CreateCollection(
        record_pb2.CreateCollectionRequest(
            parent="tenants/acme", collection_id="orders", collection={}
        ),
        metadata=found,
    )
    return found


def put(channel: grpc.Channel, admin: Metadata, value: int) -> None:
    record_pb2_grpc.RecordServiceStub(channel).UpdateRecord(
        record_pb2.UpdateRecordRequest(
            record={"name": f"{PARENT}/records/a", "data": {"v": value}}, allow_missing=True
        ),
        metadata=admin,
    )


def test_the_other_machine_knows_at_once(
    channels: list[grpc.Channel], admin: Metadata, database_url: str
) -> None:
    """One test for all of it: most of its time is the start of two servers."""
    tells_watchers_and_copies(*channels, admin)
    ends_tokens(*channels)
    finds_what_it_could_not_hear(*channels, admin, database_url)


def tells_watchers_and_copies(here: grpc.Channel, there: grpc.Channel, admin: Metadata) -> None:
    stub = record_pb2_grpc.RecordServiceStub(there)
    watch = stub.WatchRecords(
        record_pb2.WatchRecordsRequest(parent=PARENT), metadata=admin, timeout=SOON_S
    )
    next(watch)
    for value in range(5):
        put(here, admin, value)
        assert next(watch).record.data["v"] == value
    get = record_pb2.GetRecordRequest(name=f"{PARENT}/records/a")
    # From now on there is a copy, which is good for long.
    assert stub.GetRecord(get, metadata=admin).data["v"] == 4
    put(here, admin, 5)
    assert next(watch).record.data["v"] == 5
    until(lambda: stub.GetRecord(get, metadata=admin).data["v"] == 5, SOON_S)
    watch.cancel()


def finds_what_it_could_not_hear(
    here: grpc.Channel, there: grpc.Channel, admin: Metadata, database_url: str
) -> None:
    watch = record_pb2_grpc.RecordServiceStub(there).WatchRecords(
        record_pb2.WatchRecordsRequest(parent=PARENT), metadata=admin, timeout=SOON_S
    )
    next(watch)
    for value in range(3):
        subprocess.run(
            ["psql", "--no-psqlrc", "--command", KILL, database_url],
            check=True,
            capture_output=True,
        )
        put(here, admin, value)
        assert next(watch).record.data["v"] == value
    watch.cancel()


def ends_tokens(here: grpc.Channel, there: grpc.Channel) -> None:
    bob = bearer(sign_in(here, "admin", PASSWORD))
    users = user_pb2_grpc.UserServiceStub(there)

    def ends(status: grpc.StatusCode) -> bool:
        request = user_pb2.GetUserRequest(name="users/admin")
        return code(lambda: users.GetUser(request, metadata=bob)) is status

    assert ends(grpc.StatusCode.OK)
    auth_pb2_grpc.AuthServiceStub(here).SignOut(auth_pb2.SignOutRequest(), metadata=bob)
    until(lambda: ends(grpc.StatusCode.UNAUTHENTICATED), SOON_S)
